# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: everything that turns a scene and class names into a map, without QGIS's Python API."""
