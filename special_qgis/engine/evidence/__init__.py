# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence of the classes, pixel by pixel: what the sources say, how they are combined, what the first stage decides.

May import the engine's ground modules and the packages below: ``rasters``, ``classes``, ``report``, ``outputs``,
``compute``, ``models``, ``spectral_prior``, ``scene``.
"""
