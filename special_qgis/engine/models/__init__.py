# SPDX-License-Identifier: GPL-2.0-or-later
"""Checkpoints on disk: which are known, where they lie, how they get there, and what a file holds before it is loaded.

``registry`` knows the usual ones, ``library`` finds, lists and removes, ``importing`` and ``download`` bring files in,
``inspection`` looks into a file without running anything in it. Standard library and NumPy only, because QGIS's own
process uses all of it. Nothing here but ``download`` touches the network, and no stage that makes maps calls that.

May import the engine's ground modules.
"""
