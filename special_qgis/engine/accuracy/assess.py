# SPDX-License-Identifier: GPL-2.0-or-later
"""Accuracy assessment: a map against a reference raster or vector, as a job.

Reads both in blocks, counts pairs of classes, and writes HTML, JSON and CSV, all or none. The formulae live in
``confusion`` and ``stratified``; nothing found here ever flows back into a stage that makes maps.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from ..classes.matching import ClassMatch, match_classes
from ..config import AssessConfig
from ..errors import ConfigError, InputError
from ..outputs.output_set import OutputSet
from ..progress import NullProgress, Progress, check_cancelled
from ..rasters.class_raster import Values, open_class_raster, read_classes
from ..rasters.legend import Legend, fallback_colour, read_legend
from ..rasters.opening import read_grid
from ..report.provenance import provenance_of
from ..windows import Window, plan_reads
from .assessment import Assessment, figures
from .confusion import Confusion, classified_accuracy, overall_accuracy
from .reference import Reference, open_reference
from .report import render_csv, render_html, render_json

_BLOCK_PX = 512  # rows of a block
_BLOCK_BYTES = 64 * 1024 * 1024  # of one block with its counting arrays
_BYTES_PER_PX = 48  # map, reference, mask and index arrays while counting


@dataclass
class PairCounts:
    """How often each pair of map value and reference value occurs."""

    pairs: Dict[Tuple[int, int], int] = field(default_factory=dict)  # (map value, reference value) -> pixels
    mapped: Dict[int, int] = field(default_factory=dict)  # map value -> pixels of the whole map

    def add(self, mapped: Values, reference: Values) -> None:
        """Count a block.

        Args:
            mapped: int64 of any shape, class values of the map; 0 = none.
            reference: int64 of the shape of ``mapped``, class values of the reference; 0 = unlabelled.
        """
        values, counts = _count(mapped.ravel())
        for value, count in zip(values, counts):
            self.mapped[value] = self.mapped.get(value, 0) + count
        labelled = reference > 0
        ours, theirs = mapped[labelled], reference[labelled]
        if not len(ours):
            return
        base = int(theirs.max()) + 1
        our_values, our_index = _compact(ours)
        pairs, counts = _count(our_index * base + theirs)
        for pair, count in zip(pairs, counts):
            key = (int(our_values[pair // base]), pair % base)
            self.pairs[key] = self.pairs.get(key, 0) + count


def _count(values: Values) -> Tuple[List[int], List[int]]:
    """Values that occur, and how often."""
    counts = np.bincount(values)
    found = np.flatnonzero(counts)
    return found.tolist(), counts[found].tolist()


def _compact(values: Values) -> Tuple[Values, Values]:
    """Values that occur, and for every element the index of its value among them."""
    found = np.flatnonzero(np.bincount(values))
    index = np.zeros(int(found[-1]) + 1, np.int64)
    index[found] = np.arange(len(found))
    return found, index[values]


def assess(config: AssessConfig, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Compare a map with a reference and write the reports that are wanted.

    Args:
        config: Paths of map and reference, of the outputs, and the confidence level.
        progress: Receives progress and warnings; checked for cancel at every block.

    Returns:
        JSON values: the figures (``assessment.figures``), ``report``, ``table`` and ``warnings``.

    Raises:
        EngineError: An input cannot be used or an output cannot be written; nothing is written then.
        Cancelled: The user asked to stop; nothing is written then.
    """
    progress = progress or NullProgress()
    map_dataset = open_class_raster(config.map, "map")
    reference = open_reference(config.reference, config.reference_layer, config.reference_field, map_dataset)
    files = _files(config)
    with OutputSet([config.map, config.reference]) as outputs:
        for path in files:
            outputs.reserve(path)
        counts = count_pairs(map_dataset, reference, progress)
        assessment = _assemble(config, map_dataset, reference, counts)
        for warning in assessment.warnings:
            progress.warn(warning)
        for path, render in files.items():
            outputs.text(path, render(assessment))
        outputs.commit()
    progress.report(1.0, "Done")
    return {
        **figures(assessment),
        "report": config.report,
        "table": config.table,
        "warnings": list(assessment.warnings),
    }


def _files(config: AssessConfig) -> Dict[str, Callable[[Assessment], str]]:
    """What is to be written, and how: the report, its JSON beside it, the table.

    Raises:
        ConfigError: Two of them would be the same file.
    """
    wanted: List[Tuple[str, Callable[[Assessment], str]]] = []
    if config.report:
        wanted += [(config.report, render_html), (str(Path(config.report).with_suffix(".json")), render_json)]
    if config.table:
        wanted.append((config.table, render_csv))
    files = dict(wanted)
    if len(files) < len(wanted):
        raise ConfigError(
            f"report {config.report} and table {config.table} must be different files, and the report none with the "
            "ending .json, which its figures take.",
            "End the report with .html and the table with .csv.",
        )
    return files


def count_pairs(map_dataset: gdal.Dataset, reference: Reference, progress: Progress) -> PairCounts:
    """Count pairs of classes over the whole map, in blocks.

    Args:
        map_dataset: The open map.
        reference: The reference on the map's grid, read window by window.
        progress: Receives progress; checked for cancel at every block.
    """
    area = Window(0, 0, map_dataset.RasterYSize, map_dataset.RasterXSize)
    blocks = plan_reads(area, _BYTES_PER_PX, _BLOCK_BYTES, _BLOCK_PX)
    counts = PairCounts()
    for number, block in enumerate(blocks):
        check_cancelled(progress)
        progress.report(0.95 * number / len(blocks), "Comparing map and reference")
        counts.add(read_classes(map_dataset, block), reference.read(block))
    return counts


def _assemble(config: AssessConfig, map_dataset: gdal.Dataset, reference: Reference, counts: PairCounts) -> Assessment:
    """Turn counts into the assessment, with the warnings that its reader needs."""
    _check_overlap(config, counts)
    legend = read_legend(map_dataset)
    map_values = [value for value in counts.mapped if value > 0]
    reference_values = {theirs for _, theirs in counts.pairs}
    match = match_classes(map_values, legend.names, reference_values, reference.names, reference.has_ids)
    confusion = _confusion(counts, match)
    mapped_px = np.zeros(len(match.names), np.int64)
    for value in map_values:
        mapped_px[match.map_index[value]] += counts.mapped[value]
    assessment = Assessment(
        map=config.map,
        reference=config.reference,
        how=reference.how,
        matched_by=match.by,
        confusion=confusion,
        mapped_px=mapped_px,
        colours=_colours(match, legend),
        map_values=_map_values(match),
        level=config.confidence_level,
        pixel_area_m2=read_grid(map_dataset).pixel_area_m2,
        warnings=(*reference.warnings, *_warnings(match, confusion)),
        provenance=provenance_of(config.to_json()),
    )
    covered = 1.0 if assessment.adjusted is None else assessment.adjusted.covered
    if covered < 1.0:
        text = f"Area-adjusted figures hold for {covered:.1%} of the map: the rest has classes without reference."
        assessment = dataclasses.replace(assessment, warnings=(*assessment.warnings, text))
    return assessment


def _check_overlap(config: AssessConfig, counts: PairCounts) -> None:
    if not counts.pairs:
        raise InputError(
            f"The reference {config.reference} has no labelled pixel within the map {config.map}.",
            "Check that both lie in the same place and name the right CRS, and that the reference's classes are "
            "numbers from 1.",
        )
    if all(value == 0 for value, _ in counts.pairs):
        raise InputError(
            f"The map {config.map} has no class at any of the {sum(counts.pairs.values())} labelled pixels.",
            "Give a map that covers the reference.",
        )


def _confusion(counts: PairCounts, match: ClassMatch) -> Confusion:
    k = len(match.names)
    matrix: NDArray[np.int64] = np.zeros((k, k), np.int64)
    unclassified: NDArray[np.int64] = np.zeros(k, np.int64)
    for (ours, theirs), count in counts.pairs.items():
        column = match.reference_index[theirs]
        if ours == 0:
            unclassified[column] += count
        else:
            matrix[match.map_index[ours], column] += count
    return Confusion(match.names, matrix, unclassified)


def _warnings(match: ClassMatch, confusion: Confusion) -> List[str]:
    found = []
    if match.only_in_reference:
        found.append(
            f"The map has no class {_quoted(match.only_in_reference)}: reference pixels of that name count as errors."
        )
    if match.only_in_map:
        found.append(
            f"The reference has no class {_quoted(match.only_in_map)}: where the map says so at a reference pixel, it "
            "counts as an error."
        )
    if confusion.n_unclassified:
        whole, without = overall_accuracy(confusion) or 0.0, classified_accuracy(confusion) or 0.0
        found.append(
            f"{confusion.n_unclassified} of {confusion.n_px} reference pixels have no class in the map and count as "
            f"errors; overall accuracy is {whole:.1%} with them and {without:.1%} without."
        )
    return found


def _quoted(names: Tuple[str, ...]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _colours(match: ClassMatch, legend: Legend) -> Tuple[str, ...]:
    own = {index: legend.colours[value] for value, index in match.map_index.items() if value in legend.colours}
    return tuple(own.get(i) or fallback_colour(i) for i in range(len(match.names)))


def _map_values(match: ClassMatch) -> Tuple[Tuple[int, ...], ...]:
    """Values in the map of each class."""
    values: List[List[int]] = [[] for _ in match.names]
    for value, index in sorted(match.map_index.items()):
        values[index].append(value)
    return tuple(map(tuple, values))
