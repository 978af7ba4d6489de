# SPDX-License-Identifier: GPL-2.0-or-later
"""Styles result layers when Processing loads them, in the toolbox, in batch and at the end of a model.

Processing keeps only a bare pointer to a post-processor, so each must stay referenced from Python until its layer has
been loaded: ``_waiting`` holds them by the layer's source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Dict, Optional

from qgis.core import (
    QgsColorRampShader,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsLayerTreeGroup,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

# Five colours from dark to light that stay in order for colour-blind readers and in grey print.
_CONFIDENCE_COLOURS = ("#2b1a52", "#3b5286", "#21918c", "#7ad151", "#fde725")

_RANK = "special/rank"  # property of a layer's node

_waiting: Dict[str, ResultStyler] = {}


@dataclass(frozen=True)
class Placement:
    """Where a result stands among the layers of its run."""

    group: str = ""  # name of the group; "" = none
    rank: int = 0  # layers of a greater rank lie above
    is_shown: bool = True  # whether the layer is visible at first


class ResultStyler(QgsProcessingLayerPostProcessorInterface):
    """Gives one result layer its style.

    Args:
        is_confidence: The layer holds confidence; others get the ``.qml`` that lies beside them.
        placement: Where the layer is put.
        project: Into whose layers.
    """

    def __init__(self, is_confidence: bool, placement: Placement, project: Optional[QgsProject]) -> None:
        super().__init__()
        self.is_confidence = is_confidence
        self.placement = placement
        self.project = project
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
        if self.project is not None:
            place(layer, self.placement, self.project.layerTreeRoot())
        layer.triggerRepaint()


def group_name(scene: str) -> str:
    """Name of the group of a run's results: the scene and the time, to the second, so that each run has its own."""
    return f"{Path(scene).stem or scene} – {datetime.now():%Y-%m-%d %H:%M:%S}"


def style_when_loaded(
    context: QgsProcessingContext,
    path: str,
    name: str,
    is_confidence: bool = False,
    placement: Placement = Placement(),
) -> None:
    """Have a result styled, named and placed when Processing loads it; does nothing where it will not be loaded.

    Args:
        context: Context of the run.
        path: Source of the result.
        name: Name of the layer.
        is_confidence: The result holds confidence.
        placement: Where the layer is put.
    """
    if not context.willLoadLayerOnCompletion(path):
        return
    for source in [source for source, styler in _waiting.items() if styler.is_done]:
        del _waiting[source]
    details = context.layerToLoadOnCompletionDetails(path)
    styler = ResultStyler(is_confidence, placement, details.project)
    _waiting[path] = styler
    details.name = name
    if hasattr(details, "groupName"):  # since QGIS 3.32
        details.groupName, details.layerSortKey = placement.group, placement.rank
    details.setPostProcessor(styler)


def titled(title: str, scene: str) -> str:
    """Name of a result layer: a title with ``{}`` for the scene's name."""
    return title.format(Path(scene).stem or scene)


def place(layer: QgsMapLayer, placement: Placement, root: QgsLayerTreeGroup) -> None:
    """Put a loaded layer into the group of its run, the higher ranks above, and hide it where it is not for showing.

    Newer versions of QGIS have put it into the group already.

    Args:
        layer: A layer of the project.
        placement: Where it belongs.
        root: The project's layers.
    """
    node = root.findLayer(layer.id())
    if node is None or not placement.group:
        return
    parent = node.parent()
    if parent.name() != placement.group:
        group = parent.findGroup(placement.group) or parent.insertGroup(0, placement.group)
        above = [child for child in group.children() if int(child.customProperty(_RANK, 0)) > placement.rank]
        moved = node.clone()
        group.insertChildNode(len(above), moved)
        parent.removeChildNode(node)
        node = moved
    node.setCustomProperty(_RANK, placement.rank)
    node.setItemVisibilityChecked(placement.is_shown)
    node.setExpanded(placement.is_shown)


def forget_all() -> None:
    """Drop what is kept for layers not yet loaded; called when the plugin is unloaded."""
    _waiting.clear()


def confidence_renderer(layer: QgsRasterLayer) -> QgsSingleBandPseudoColorRenderer:
    """Renderer of a confidence layer: 0 dark, 1 light, whatever values the layer holds."""
    last = len(_CONFIDENCE_COLOURS) - 1
    colours = [QColor(colour) for colour in _CONFIDENCE_COLOURS]
    stops = [QgsGradientStop(index / last, colours[index]) for index in range(1, last)]
    ramp = QgsColorRampShader(0.0, 1.0, None, QgsColorRampShader.Interpolated)
    ramp.setSourceColorRamp(QgsGradientColorRamp(colours[0], colours[last], False, stops))
    items = [
        QgsColorRampShader.ColorRampItem(index / last, colour, f"{index / last:.2f}")
        for index, colour in enumerate(colours)
    ]
    ramp.setColorRampItemList(items)
    shader = QgsRasterShader(0.0, 1.0)
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(1.0)
    return renderer
