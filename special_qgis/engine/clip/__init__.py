# SPDX-License-Identifier: GPL-2.0-or-later
"""The source CLIP: class probabilities of every pixel from a CLIP model and class names.

Text (``text``), dense image scores of an open_clip vision transformer (``dense``), feature upsampling
(``upsampling``), windows and scales (``windows``, ``scales``) and the stage itself (``stage``). Needs PyTorch and
open_clip.

May import the engine's ground modules and all packages up to ``evidence``.
"""
