# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the staged plugin through the real qgis_process."""
