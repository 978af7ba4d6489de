# SPDX-License-Identifier: GPL-2.0-or-later
"""What a measurement of areas found, as plain values: the job fills ``Areas``, its outputs show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .classes import AreaClass
from .estimates import Estimate, Estimates
from .pixel_areas import PIXELS
from .polygons import Polygon
from .sums import ClassSum, Sums


@dataclass(frozen=True)
class PolygonAreas:
    """Sums over the pixels of one polygon."""

    polygon: Polygon
    sums: Sums

    @property
    def label(self) -> str:
        """Its name, or its number where it has none."""
        return self.polygon.name or f"polygon {self.polygon.number}"


@dataclass(frozen=True)
class Areas:
    """Areas of a map's classes.

    Attributes:
        map: Path of the map.
        source: Path of the polygons; "" = none.
        classes: Of the map.
        whole: Sums over the whole map.
        polygons: Sums over each polygon, in the order of their layer.
        measure: One of ``pixel_areas``' ELLIPSOID, PLANE and PIXELS.
        described: The same in words, with the name of ellipsoid or CRS.
        confidence: How the confidence raster was brought onto the map's grid, in words; "" = none was given.
        estimates: Area-adjusted, of the whole map; None = no accuracy report was given, or it met no class.
        warnings: What the reader must know.
        provenance: Versions and parameters, JSON values.
    """

    map: str
    source: str
    classes: Tuple[AreaClass, ...]
    whole: Sums
    polygons: Tuple[PolygonAreas, ...]
    measure: str
    described: str
    confidence: str = ""
    estimates: Optional[Estimates] = None
    warnings: Tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_areas(self) -> bool:
        """Whether areas are known, and not only numbers of pixels."""
        return self.measure != PIXELS

    def area_m2(self, area: Optional[float]) -> Optional[float]:
        """An area of a sum or an estimate; None where only pixels are counted."""
        return area if self.has_areas else None

    def estimate_of(self, name: str) -> Optional[Estimate]:
        """Area-adjusted estimate of a class; None where there is none."""
        found = self.estimates.by_class if self.estimates else ()
        return next((estimate for estimate in found if estimate.name == name), None)

    def shares(self, sums: Sums) -> Tuple[float, ...]:
        """Share of each class in the classified area of a zone, in [0, 1]; 0 where nothing is classified.

        Args:
            sums: Over the zone.
        """
        total = sums.classified.area
        return tuple(sums.of(one.values).area / total if total > 0 else 0.0 for one in self.classes)

    def largest(self, sums: Sums) -> Optional[AreaClass]:
        """The class with the largest area of a zone; None where nothing is classified."""
        if not sums.classified.n_px:
            return None
        return max(self.classes, key=lambda one: sums.of(one.values).area)


def figures(areas: Areas) -> Dict[str, Any]:
    """Figures of the whole map as JSON values; what is not known is None.

    Args:
        areas: What was found.

    Returns:
        Keys are stable: they are what the JSON report and the job's result show.
    """
    largest = areas.largest(areas.whole)
    return {
        "measure": areas.measure,
        "measured_on": areas.described,
        "classified_px": areas.whole.classified.n_px,
        "classified_area_m2": areas.area_m2(areas.whole.classified.area),
        "unclassified_px": areas.whole.unclassified.n_px,
        "unclassified_area_m2": areas.area_m2(areas.whole.unclassified.area),
        "n_classes": sum(areas.whole.of(one.values).n_px > 0 for one in areas.classes),
        "n_polygons": len(areas.polygons),
        "largest_class": "" if largest is None else largest.name,
        "class_areas": class_figures(areas, areas.whole),
        "area_adjusted": _adjusted_figures(areas),
    }


def class_figures(areas: Areas, sums: Sums) -> Dict[str, Dict[str, Any]]:
    """Figures of each class in a zone, by name.

    Args:
        areas: What was found.
        sums: Over the zone.
    """
    return {
        one.name: {"ids": list(one.values), **_class_figures(areas, sums.of(one.values), share)}
        for one, share in zip(areas.classes, areas.shares(sums))
    }


def _class_figures(areas: Areas, found: ClassSum, share: float) -> Dict[str, Any]:
    known = found.mean_confidence is not None
    return {
        "count": found.n_px,
        "share": share,
        "area_m2": areas.area_m2(found.area),
        "mean_confidence": found.mean_confidence,
        "confidence_weighted_area_m2": areas.area_m2(found.weighted_area) if known else None,
    }


def _adjusted_figures(areas: Areas) -> Optional[Dict[str, Any]]:
    found = areas.estimates
    if found is None:
        return None
    return {
        "confidence_level": found.level,
        "covered_share": found.covered,
        "per_class": {
            one.name: {
                "mapped_area_m2": areas.area_m2(one.mapped_area),
                "share": one.share,
                "share_margin": one.share_margin,
                "area_m2": areas.area_m2(one.area),
                "area_margin_m2": areas.area_m2(one.area_margin),
            }
            for one in found.by_class
        },
    }


def polygon_figures(areas: Areas) -> Sequence[Dict[str, Any]]:
    """Figures of each polygon as JSON values, in the order of their layer."""
    return [
        {
            "number": found.polygon.number,
            "name": found.polygon.name,
            "classified_area_m2": areas.area_m2(found.sums.classified.area),
            "unclassified_px": found.sums.unclassified.n_px,
            "class_areas": class_figures(areas, found.sums),
        }
        for found in areas.polygons
    ]
