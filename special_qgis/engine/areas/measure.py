# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of the classes of a map, whole or by polygon, as a job: table, report and polygons, all written or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..config import AreasConfig
from ..errors import InputError
from ..outputs.output_set import OutputSet
from ..progress import NullProgress, Progress, RecordingProgress, SubProgress
from ..rasters.legend import read_legend
from ..report.provenance import provenance_of
from .classes import gather_classes
from .estimates import estimate_areas, report_path
from .findings import Areas, PolygonAreas, figures
from .inputs import Inputs
from .pixel_areas import PIXELS
from .report import render_csv, render_html, render_json
from .summing import sum_areas
from .sums import Sums
from .vector_formats import require_format
from .vector_layer import write_polygons


def measure_areas(config: AreasConfig, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Measure the areas of a map's classes and write the outputs that are named.

    Args:
        config: What to measure and where to write.
        progress: Receives progress and warnings; checked for cancel at every block and polygon.

    Returns:
        JSON values: the figures of the whole map (``findings.figures``), ``report``, ``table``, ``vector``,
        ``warnings`` and ``status``.

    Raises:
        EngineError: An input cannot be used or an output cannot be written; nothing is written then.
        Cancelled: The user cancelled; nothing is written then.
    """
    listener = RecordingProgress(progress or NullProgress())
    if config.vector:
        require_format(config.vector)
    inputs = Inputs(config)
    texts = _texts(config)
    sources = [config.map, config.polygons, config.confidence, report_path(config.accuracy_report)]
    with OutputSet(filter(None, sources)) as outputs:
        for path, _ in texts:
            outputs.reserve(path)
        if config.vector:
            outputs.reserve(config.vector)
        whole, in_polygons = sum_areas(inputs, SubProgress(listener, 0.0, 0.95))
        areas = _assemble(config, inputs, whole, in_polygons, listener)
        for path, render in texts:
            outputs.text(path, render(areas))
        if config.vector:
            write_polygons(outputs, config, areas, listener)
        outputs.commit()
    listener.report(1.0, "Done")
    paths = {"report": config.report, "table": config.table, "vector": config.vector}
    return {**figures(areas), **paths, "warnings": listener.warnings, "status": listener.status}


def _texts(config: AreasConfig) -> List[Tuple[str, Callable[[Areas], str]]]:
    """Texts to write, and how."""
    texts: List[Tuple[str, Callable[[Areas], str]]] = []
    if config.report:
        texts += [(config.report, render_html), (str(Path(config.report).with_suffix(".json")), render_json)]
    if config.table:
        texts.append((config.table, render_csv))
    return texts


def _assemble(
    config: AreasConfig, inputs: Inputs, whole: Sums, in_polygons: Sequence[Sums], listener: RecordingProgress
) -> Areas:
    """Turn sums into findings, with the warnings that their reader needs."""
    if not whole.classified.n_px:
        raise InputError(
            f"The map {config.map} has no pixel with a class.", "Give a class raster whose classes are numbers from 1."
        )
    classes = gather_classes(whole.values, read_legend(inputs.map))
    estimates = None
    if inputs.accuracy is not None:
        estimates = estimate_areas(inputs.accuracy, classes, whole, config.confidence_level)
    polygons = tuple(PolygonAreas(polygon, sums) for polygon, sums in zip(inputs.polygons, in_polygons))
    for text in [*_doubts(inputs, whole, polygons), *(estimates.warnings if estimates else ())]:
        listener.warn(text)
    if inputs.accuracy is not None and estimates is None:
        listener.warn("The accuracy report has no sample pixel in any class of the map: no area was adjusted.")
    return Areas(
        map=config.map,
        source=config.polygons,
        classes=classes,
        whole=whole,
        polygons=polygons,
        measure=inputs.pixel_areas.measure,
        described=inputs.pixel_areas.described,
        confidence="" if inputs.confidence is None else inputs.confidence.how,
        estimates=estimates,
        warnings=tuple(listener.warnings),
        provenance=provenance_of(config.to_json()),
    )


def _doubts(inputs: Inputs, whole: Sums, polygons: Sequence[PolygonAreas]) -> List[str]:
    """What the reader must know about inputs that do not quite fit together."""
    found: List[str] = []
    if inputs.pixel_areas.measure == PIXELS:
        found.append("The map is not georeferenced in a known CRS: pixels are counted, and areas are not known.")
    if inputs.confidence is not None:
        found += inputs.confidence.warnings
        known, classified = whole.classified.area_with_confidence, whole.classified.area
        if known < classified * (1.0 - 1e-9):
            found.append(
                f"Confidence is known for {known / classified:.1%} of the classified area; the rest counts as 0 in "
                "confidence-weighted areas and is left out of mean confidences."
            )
    if inputs.layer is not None and inputs.layer.n_left_out:
        found.append(f"{inputs.layer.n_left_out} features of {inputs.layer.name} are empty or no polygons: left out.")
    return found + _polygon_doubts(polygons)


def _polygon_doubts(polygons: Sequence[PolygonAreas]) -> List[str]:
    on_map = [found for found in polygons if found.polygon.window is not None]
    whole = [found for found in on_map if found.polygon.is_whole]
    n_empty = sum(not found.sums.by_value for found in whole)
    counts = (
        (len(polygons) - len(on_map), "lie outside the map: no areas are known there"),
        (len(on_map) - len(whole), "lie partly outside the map: only the part on the map is measured"),
        (n_empty, "hold the centre of no pixel, so small or thin are they: no area is measured there"),
    )
    return [f"{count} of {len(polygons)} polygons {what}." for count, what in counts if count]
