# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage 1: class probabilities of every pixel from a CLIP model and class names. Needs PyTorch and open_clip."""
