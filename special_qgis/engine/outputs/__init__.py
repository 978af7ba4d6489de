# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run writes: a set of files that appears whole or not at all, rasters with class names, colours and styles.

May import the engine's ground modules, ``rasters`` and ``classes``.
"""
