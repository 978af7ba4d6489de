# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of the classes of a finished map: whole or by polygon, on the ellipsoid or in the plane of the map's CRS.

May import the engine's ground modules, ``rasters``, ``classes``, ``report``, ``outputs`` and, of ``accuracy``, the
estimators of ``confusion`` and ``stratified``; never what reads a reference.
"""
