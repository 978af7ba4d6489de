# SPDX-License-Identifier: GPL-2.0-or-later
"""A scene as the engine reads it: its bands and wavelengths, blocks of calibrated values, samples, the area to map.

May import the engine's ground modules and ``rasters``; NumPy and GDAL, no PyTorch.
"""
