# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading and unloading the plugin, again and again, leaves nothing behind."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication, QgsProcessingContext, QgsProject
from qgis.PyQt.QtWidgets import QAction

from special_qgis import classFactory
from special_qgis.algorithms import styling


def provider() -> Any:
    return QgsApplication.processingRegistry().providerById("special")


def test_unload_after_init_gui_leaves_no_provider_action_or_styler(qgis_app: QgsApplication, window: Any) -> None:
    for _ in range(3):
        plugin = classFactory(window)
        plugin.initGui()
        assert provider() is not None
        assert [name for name, _ in window.menu_actions] == ["SPECIAL"] * 2 and len(window.toolbar_actions) == 1
        context = QgsProcessingContext()
        details = QgsProcessingContext.LayerDetails("map", QgsProject.instance())
        context.addLayerToLoadOnCompletion("/tmp/map.tif", details)
        styling.style_when_loaded(context, "/tmp/map.tif", "map")
        assert len(styling._waiting) == 1
        plugin.unload()
        qgis_app.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
        assert provider() is None
        assert window.menu_actions == [] and window.toolbar_actions == []
        for name in ("specialClassifyAction", "specialModelsAction"):
            assert window.window.findChildren(QAction, name) == []
        assert len(styling._waiting) == 0


def test_unload_twice_is_harmless(qgis_app: QgsApplication, window: Any) -> None:
    plugin = classFactory(window)
    plugin.initGui()
    plugin.unload()
    plugin.unload()
    assert provider() is None


def test_init_processing_without_window_registers_provider_only(qgis_app: QgsApplication, window: Any) -> None:
    plugin = classFactory(None)
    plugin.initProcessing()
    try:
        assert provider() is not None
        assert window.menu_actions == []
    finally:
        plugin.unload()
    assert provider() is None


def test_menu_entry_opens_dialog_of_classify(plugin: Any, monkeypatch: Any) -> None:
    import processing

    opened = []
    monkeypatch.setattr(processing, "execAlgorithmDialog", lambda *args: opened.append(args))
    plugin.action.trigger()
    assert opened == [("special:classify", {})]
