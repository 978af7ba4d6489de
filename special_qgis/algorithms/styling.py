# SPDX-License-Identifier: GPL-2.0-or-later
"""Styles result layers when Processing loads them, in the toolbox, in batch and at the end of a model.

Processing keeps only a bare pointer to a post-processor, so each must stay referenced from Python until its layer has
been loaded: ``_waiting`` holds them by the layer's source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict

from qgis.core import (
    QgsColorRampShader,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

# Five colours from dark to light that stay in order for colour-blind readers and in grey print.
_CONFIDENCE_COLOURS = ("#2b1a52", "#3b5286", "#21918c", "#7ad151", "#fde725")

_waiting: Dict[str, ResultStyler] = {}


class ResultStyler(QgsProcessingLayerPostProcessorInterface):
    """Gives one result layer its style.

    Args:
        is_confidence: The layer holds confidence; others get the ``.qml`` that lies beside them.
    """

    def __init__(self, is_confidence: bool) -> None:
        super().__init__()
        self.is_confidence = is_confidence
        self.is_done = False

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Style the layer; called by Processing after it was loaded, in the main thread."""
        self.is_done = True
        if not isinstance(layer, QgsRasterLayer) or not layer.isValid():
            return
        style = Path(layer.source()).with_suffix(".qml")
        if style.is_file():
            message, is_loaded = layer.loadNamedStyle(str(style))
            if not is_loaded:
                feedback.pushWarning(message)
        elif self.is_confidence:
            layer.setRenderer(confidence_renderer(layer))
        layer.triggerRepaint()


def style_when_loaded(
    context: QgsProcessingContext, path: str, title: str, scene: str, is_confidence: bool = False
) -> None:
    """Have a result styled and named when Processing loads it; does nothing where it will not be loaded.

    Args:
        context: Context of the run.
        path: Source of the result.
        title: Layer name with ``{}`` for the scene's.
        scene: Source of the scene.
        is_confidence: The result holds confidence.
    """
    if not context.willLoadLayerOnCompletion(path):
        return
    for source in [source for source, styler in _waiting.items() if styler.is_done]:
        del _waiting[source]
    styler = ResultStyler(is_confidence)
    _waiting[path] = styler
    details = context.layerToLoadOnCompletionDetails(path)
    details.name = title.format(Path(scene).stem or scene)
    details.setPostProcessor(styler)


def forget_all() -> None:
    """Drop what is kept for layers not yet loaded; called when the plugin is unloaded."""
    _waiting.clear()


def confidence_renderer(layer: QgsRasterLayer) -> QgsSingleBandPseudoColorRenderer:
    """Renderer of a confidence layer: 0 dark, 1 light, whatever values the layer holds."""
    ramp = QgsColorRampShader(0.0, 1.0, None, QgsColorRampShader.Interpolated)
    last = len(_CONFIDENCE_COLOURS) - 1
    items = [
        QgsColorRampShader.ColorRampItem(index / last, QColor(colour), f"{index / last:.2f}")
        for index, colour in enumerate(_CONFIDENCE_COLOURS)
    ]
    ramp.setColorRampItemList(items)
    shader = QgsRasterShader(0.0, 1.0)
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(1.0)
    return renderer
