# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy assessment: a finished map against reference data, which nothing else in the engine may read.

May import the engine's ground modules, ``rasters``, ``classes``, ``report`` and ``outputs``.
"""
