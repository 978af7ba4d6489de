# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence of the classes, pixel by pixel: its sources, their fusion, and the first stage that decides from them.

May import the engine's ground modules and the packages below: ``rasters``, ``classes``, ``report``, ``outputs``,
``compute``, ``models``, ``spectral_prior``, ``scene``.
"""
