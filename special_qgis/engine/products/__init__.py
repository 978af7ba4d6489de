# SPDX-License-Identifier: GPL-2.0-or-later
"""Sensor products as their agencies deliver them, opened with GDAL and NumPy alone: one reader a file.

May import the engine's ground modules, ``rasters``, and, for importing, ``outputs``.
"""
