# SPDX-License-Identifier: GPL-2.0-or-later
"""SPECIAL for QGIS: zero-shot land-cover mapping of hyperspectral scenes from typed class names."""


def classFactory(iface: object) -> object:
    """Make the plugin object; QGIS calls this when it loads the plugin.

    Args:
        iface: QGIS's interface object, or None where there is no main window.
    """
    from .plugin import SpecialPlugin

    return SpecialPlugin(iface)
