# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas corrected for the map's errors, with intervals, from a confusion matrix that an accuracy report holds.

Reads the JSON that the job ``assess`` writes: counts of its matrix, never a reference. The estimators are those of
``accuracy.stratified``; here its strata are weighted by area where pixels differ in size.

Source: Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57, doi:10.1016/j.rse.2014.02.015, Eq. 9 to 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..accuracy.confusion import normal_quantile
from ..accuracy.stratified import adjust
from ..classes.text import comparison_key
from ..errors import InputError, RasterReadError
from ..texts.plain_text import parse_json
from .classes import AreaClass, names_tell
from .sums import Sums

_MOST_BYTES = 256 * 2**20  # of a report; the matrix of a thousand classes takes some MB


@dataclass(frozen=True)
class AccuracyReport:
    """What an accuracy report holds about a map's errors.

    Attributes:
        map: Path of the map that was assessed.
        names: K class names.
        counts: (K, K) int64, sample pixels, rows = map, columns = reference.
        map_values: Values of each class in the map; () for each where the report does not hold them.
        mapped_px: (K,) int64, pixels of each class in the map that was assessed.
    """

    map: str
    names: Tuple[str, ...]
    counts: NDArray[np.int64]
    map_values: Tuple[Tuple[int, ...], ...]
    mapped_px: NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """Area-adjusted estimate of one class; areas are m², or pixels where pixels are only counted.

    Attributes:
        name: Of the class.
        mapped_area: What the map shows.
        share: Estimated share of the area that the estimates hold for, in [0, 1].
        share_margin: Half width of its interval; None where a sample of one pixel leaves it open.
        area: Estimated area.
        area_margin: Half width of its interval; None as for the share.
    """

    name: str
    mapped_area: float
    share: float
    share_margin: Optional[float]
    area: float
    area_margin: Optional[float]

    @property
    def area_interval(self) -> Optional[Tuple[float, float]]:
        """Ends of the area's interval, cut at 0."""
        return _interval(self.area, self.area_margin)

    @property
    def share_interval(self) -> Optional[Tuple[float, float]]:
        """Ends of the share's interval, cut at 0 and 1."""
        found = _interval(self.share, self.share_margin)
        return None if found is None else (found[0], min(1.0, found[1]))


@dataclass(frozen=True)
class Estimates:
    """Area-adjusted estimates of the classes of map and reference.

    Attributes:
        by_class: In the report's order, those that the sample meets.
        level: Confidence level of the intervals.
        covered: Share of the mapped area whose classes have sample pixels; the estimates hold for that part.
        warnings: What the reader must know.
    """

    by_class: Tuple[Estimate, ...]
    level: float
    covered: float
    warnings: Tuple[str, ...]


def _interval(value: float, margin: Optional[float]) -> Optional[Tuple[float, float]]:
    return None if margin is None else (max(0.0, value - margin), value + margin)


def report_path(given: str) -> str:
    """Path of the JSON: the one given, or that beside the HTML given; "" = none given."""
    path = Path(given)
    return str(path.with_suffix(".json")) if path.suffix.lower() in (".html", ".htm") else given


def read_accuracy_report(path: str) -> AccuracyReport:
    """Read the JSON of an accuracy report.

    Args:
        path: Path of the report's JSON file.

    Raises:
        RasterReadError: It cannot be read.
        InputError: It is not an accuracy report.
    """
    hint = "Give the .json that “Assess accuracy of a class map” (assess) writes beside its HTML report."
    try:
        if Path(path).stat().st_size > _MOST_BYTES:
            raise InputError(f"{path} is larger than an accuracy report can be.", hint)
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise RasterReadError(f"The accuracy report {path} cannot be read: {error.strerror or error}.", hint) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8, which the JSON of an accuracy report is.", hint) from error
    try:
        return _parse(parse_json(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not the JSON of an accuracy report: {error!r}.", hint) from error


def _parse(content: Mapping[str, Any]) -> AccuracyReport:
    """Raises ValueError, KeyError, TypeError or AttributeError where the content is something else."""
    matrix = content["confusion"]
    names = tuple(str(name) for name in matrix["classes"])
    k = len(names)
    counts = np.array(matrix["counts"])
    if k == 0 or len(set(names)) < k or counts.shape != (k, k) or counts.dtype.kind != "i" or counts.min() < 0:
        raise ValueError(f"its matrix must hold {k} × {k} whole numbers from 0, for classes of different names")
    values = matrix.get("map_values") or [[]] * k
    if len(values) != k:
        raise ValueError(f"it must give the map values of {k} classes")
    mapped = [content["per_class"][name]["mapped_px"] for name in names]
    return AccuracyReport(
        map=str(content["map"]),
        names=names,
        counts=counts.astype(np.int64),
        map_values=tuple(tuple(int(value) for value in found) for found in values),
        mapped_px=np.array(mapped, np.int64),
    )


def estimate_areas(
    report: AccuracyReport, classes: Sequence[AreaClass], sums: Sums, level: float
) -> Optional[Estimates]:
    """Correct the areas of a map's classes by the errors that an accuracy report counts.

    Args:
        report: Accuracy report of an assessment of this map.
        classes: Classes of the map.
        sums: Over the whole map.
        level: Confidence level of the intervals.

    Returns:
        The estimates; None where the assessment met none of the map's classes.

    Raises:
        InputError: Report and map have no class in common.
    """
    row_of = _match(report, classes)
    names = list(report.names)
    k, beyond = len(names), len(names)  # one more row for all classes of the map that the report does not have
    mapped, mapped_px = np.zeros(k + 1), np.zeros(k + 1, np.int64)
    for index, one in enumerate(classes):
        row = row_of.get(index, beyond)
        if row < k:
            names[row] = one.name
        found = sums.of(one.values)
        mapped[row] += found.area
        mapped_px[row] += found.n_px
    adjusted = adjust(np.pad(report.counts, (0, 1)), mapped)
    if adjusted is None:
        return None
    met = (report.counts.sum(axis=0) + report.counts.sum(axis=1)) > 0  # else nothing is known about the class
    total, z = float(mapped.sum()) * adjusted.covered, normal_quantile(level)
    by_class = []
    for row in np.flatnonzero(met).tolist():
        share, margin = float(adjusted.share[row]), float(z * adjusted.share_se[row])
        margins = (margin, margin * total) if np.isfinite(margin) else (None, None)
        by_class.append(Estimate(names[row], float(mapped[row]), share, margins[0], share * total, margins[1]))
    warnings = _warnings(report, mapped_px, adjusted.covered)
    return Estimates(tuple(by_class), level, adjusted.covered, warnings)


def _match(report: AccuracyReport, classes: Sequence[AreaClass]) -> Dict[int, int]:
    """Row of the report's matrix for each class of the map that has one: by name, or by number where the map has none.

    Raises:
        InputError: None has.
    """
    rows = {comparison_key(name): row for row, name in enumerate(report.names)}
    if names_tell(classes):
        found = {i: rows[comparison_key(c.name)] for i, c in enumerate(classes) if comparison_key(c.name) in rows}
    else:
        by_value = {value: row for row, values in enumerate(report.map_values) for value in values}
        by_value = by_value or {int(name): row for row, name in enumerate(report.names) if name.isdecimal()}
        found = {i: by_value[c.values[0]] for i, c in enumerate(classes) if c.values[0] in by_value}
    if not found:
        raise InputError(
            f"Map and accuracy report have no class in common: the map has {_listed([c.name for c in classes])}; the "
            f"report has {_listed(report.names)}.",
            "Give the report of an assessment of this map.",
        )
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _warnings(report: AccuracyReport, mapped_px: NDArray[np.int64], covered: float) -> Tuple[str, ...]:
    found: List[str] = []
    if mapped_px.tolist() != [*report.mapped_px.tolist(), 0]:  # the last row are classes that the report does not have
        found.append(
            f"The accuracy report was made for another map, or another state of this one ({report.map}): it counts "
            "other numbers of pixels. The area-adjusted estimates hold only as far as both maps make the same errors."
        )
    if covered < 1.0:
        found.append(
            f"Area-adjusted estimates hold for {covered:.1%} of the mapped area: the rest has classes that the "
            "assessment never met."
        )
    return tuple(found)
