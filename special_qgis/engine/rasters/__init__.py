# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of others: rasters opened with clear errors, ENVI headers, class rasters and their legends, read only.

May import the engine's ground modules.
"""
