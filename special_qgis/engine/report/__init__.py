# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML report of a run: pages, charts, pictures, and the summaries that they show.

May import the engine's ground modules; knows no scene, no network and no QGIS.
"""
