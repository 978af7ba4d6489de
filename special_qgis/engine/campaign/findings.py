# SPDX-License-Identifier: GPL-2.0-or-later
"""What a campaign found: how each scene ended, and sums over all scenes that were mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ..classes.classes import LandCoverClass
from .scene_task import FAILED

__all__ = ["Campaign", "ClassTotal", "SceneFinding"]


@dataclass(frozen=True)
class SceneFinding:
    """How one scene of a campaign ended."""

    name: str
    source: str  # as GDAL takes it
    status: str  # scene_task.DONE, SKIPPED or FAILED
    seconds: float  # that mapping it took; of a skipped scene when it was mapped
    result: Mapping[str, Any]  # of the job; empty where it failed
    message: str = ""  # what went wrong
    hint: str = ""  # what to do about it

    @property
    def is_mapped(self) -> bool:
        """Whether there is a map of it."""
        return self.status != FAILED

    @property
    def warnings(self) -> Tuple[str, ...]:
        """Warnings of the job, or what went wrong."""
        return tuple(self.result.get("warnings", ())) if self.is_mapped else (f"{self.message} {self.hint}".strip(),)

    @property
    def largest_class(self) -> str:
        """Name of the class with most pixels; "" where nothing is classified."""
        areas: Mapping[str, Mapping[str, Any]] = self.result.get("class_areas", {})
        name = max(areas, key=lambda one: int(areas[one]["count"]), default="")
        return name if name and areas[name]["count"] else ""

    def figures(self) -> Dict[str, Any]:
        """The scene as JSON values."""
        names = ("map", "report", "classified_px", "classified_area_m2", "mean_confidence", "class_areas")
        return {
            "name": self.name,
            "source": self.source,
            "status": self.status,
            "seconds": self.seconds,
            **{name: self.result.get(name) for name in names},
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class ClassTotal:
    """One class over all scenes."""

    name: str
    colour: str  # "#rrggbb"
    count_px: int
    share: float  # of all classified pixels, 0 to 1
    area_m2: Optional[float]  # None = of no scene known


@dataclass(frozen=True)
class Campaign:
    """All scenes of a campaign."""

    scenes: Tuple[SceneFinding, ...]  # in the order of the list
    classes: Tuple[LandCoverClass, ...]  # in the order of their ids
    seconds: float  # from begin to end
    described: str  # what did the work, in words
    mosaics: Tuple[str, ...]  # paths
    warnings: Tuple[str, ...]  # of the campaign as a whole
    thumbnails: Mapping[str, bytes]  # PNG of a map by the scene's name
    provenance: Mapping[str, Any]

    @property
    def mapped(self) -> Tuple[SceneFinding, ...]:
        """Scenes that there is a map of."""
        return tuple(scene for scene in self.scenes if scene.is_mapped)

    @property
    def classified_px(self) -> int:
        """Classified pixels of all scenes."""
        return sum(int(scene.result["classified_px"]) for scene in self.mapped)

    @property
    def mean_confidence(self) -> Optional[float]:
        """Mean over all classified pixels; None where there are none."""
        pairs = [(scene.result["classified_px"], scene.result["mean_confidence"]) for scene in self.mapped]
        known = [(count, mean) for count, mean in pairs if mean is not None]
        n_px = sum(count for count, _ in known)
        return sum(count * mean for count, mean in known) / n_px if n_px else None

    @property
    def classified_area_m2(self) -> Optional[float]:
        """Sum of the areas that are known; None where none is."""
        return _sum_known(scene.result["classified_area_m2"] for scene in self.mapped)

    @property
    def n_without_area(self) -> int:
        """Mapped scenes without ground units, which no area counts."""
        return sum(scene.result["classified_area_m2"] is None for scene in self.mapped)

    def count(self, status: str) -> int:
        """Number of scenes with a status."""
        return sum(scene.status == status for scene in self.scenes)

    def totals(self) -> Tuple[ClassTotal, ...]:
        """Each class over all mapped scenes, in the order of their ids."""
        n_px = max(1, self.classified_px)
        totals = []
        for one in self.classes:
            found = [scene.result["class_areas"][one.name] for scene in self.mapped]
            count = sum(int(figures["count"]) for figures in found)
            area = _sum_known(figures["area_m2"] for figures in found)
            totals.append(ClassTotal(one.name, one.colour, count, count / n_px, area))
        return tuple(totals)


def _sum_known(values: Any) -> Optional[float]:
    known = [float(value) for value in values if value is not None]
    return sum(known) if known else None
