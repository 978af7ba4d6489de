# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage 1: class probabilities of every pixel from a CLIP model and class names.

Text (``text``), dense image scores of an open_clip vision transformer (``dense``), feature upsampling
(``upsampling``), windows and scales (``windows``, ``scales``) and the stage itself (``stage``). Needs PyTorch and
open_clip.
"""
