# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns what the stages left behind into a ``RunSummary``, the report's files and the job's result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from .classes import LandCoverClass
from .confidence import decide
from .config import ClassifyConfig
from .errors import ConfigError
from .images import encode_png
from .outputs import OutputSet
from .progress import RecordingProgress
from .provenance import describe_run
from .report import render_html, render_json
from .scene import Sample, Scene
from .spectral_prior import SpectralPrior
from .summary import ClassSummary, Histogram, MeanSpectrum, RunSummary
from .tally import N_CONFIDENCE_BINS, MapTally, class_spectra
from .true_colour import TrueColourThumbnail

LOW_CONFIDENCE = 0.1  # a pixel whose best class leads by less is called uncertain
REPORT_SUFFIXES = (".html", ".htm")
UNCERTAIN_SHARE = 0.25  # of the classified pixels; above, the user is warned


class Stopwatch:
    """Wall-clock seconds of the stages, in the order they ran."""

    def __init__(self) -> None:
        self.laps_s: Dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage and begin the next."""
        now = time.perf_counter()
        self.laps_s[stage] = round(now - self._last, 3)
        self._last = now


@dataclass(frozen=True)
class RunFacts:
    """What the stages of one classification left behind."""

    config: ClassifyConfig
    classes: Tuple[LandCoverClass, ...]
    prior: SpectralPrior
    scene: Scene
    sample: Sample
    tally: MapTally
    picture: Optional[TrueColourThumbnail]  # None = the scene has no visible bands
    listener: RecordingProgress
    watch: Stopwatch

    @cached_property
    def provenance(self) -> Dict[str, Any]:
        """Where the results come from, the same in the rasters and in the report."""
        return describe_run(self.config.to_json(), self.prior.to_json())


def summarise(facts: RunFacts) -> RunSummary:
    """Fill the summary that report and result are made from; warns about doubtful results on the way."""
    _warn_about_doubts(facts)
    spectra = _mean_spectra(facts)
    facts.watch.lap("Summing up")
    tally, grid = facts.tally, facts.scene.grid
    return RunSummary(
        title=f"Land cover of {Path(facts.config.scene.source).name}",
        classes=tuple(_class_summary(facts, c) for c in facts.classes),
        scene=facts.scene.summary(),
        status=facts.listener.status,
        warnings=tuple(facts.listener.warnings),
        classified_px=tally.n_classified,
        unclassified_px=tally.n_valid - tally.n_classified,
        invalid_px=tally.n_px - tally.n_valid,
        pixel_area_m2=grid.pixel_area_m2,
        pixel_size=grid.pixel_size,
        pixel_units=grid.units,
        mean_confidence=tally.mean_confidence if tally.n_classified else None,
        inseparable=facts.prior.interpretation.inseparable,
        confidence=_histogram(tally.histogram.sum(axis=0)),
        class_confidence={c.id: _histogram(tally.histogram[c.id - 1]) for c in facts.classes},
        spectra=spectra,
        quantity=facts.prior.quantity,
        map_png=tally.thumbnail.png({c.id: c.colour for c in facts.classes}),
        rgb_png=None if facts.picture is None else encode_png(facts.picture.rgba()),
        timing_s=facts.watch.laps_s,
        parameters=facts.config.to_json(),
        provenance={
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **facts.provenance,
        },
    )


def reserve_run_report(outputs: OutputSet, path: str) -> None:
    """Check now that the report and the JSON beside it can be written in the end.

    Raises:
        ConfigError: The path is not accepted.
        RasterWriteError: The folder cannot be written to.
    """
    if Path(path).suffix.lower() not in REPORT_SUFFIXES:
        raise ConfigError(
            f"The report {path} must end with .html or .htm; it ends with {Path(path).suffix!r}.",
            "Rename it; the same content goes beside it as .json.",
        )
    outputs.reserve(path)
    outputs.reserve(_json_path(path))


def write_run_report(outputs: OutputSet, path: str, summary: RunSummary) -> None:
    """Write the HTML report and the same content as JSON beside it."""
    outputs.text(path, render_html(summary))
    outputs.text(_json_path(path), render_json(summary))


def _json_path(path: str) -> str:
    return str(Path(path).with_suffix(".json"))


def classify_result(config: ClassifyConfig, summary: RunSummary) -> Dict[str, Any]:
    """What the main job hands back to its caller, as JSON values."""
    return {
        "map": config.outputs.map,
        "confidence": config.outputs.confidence,
        "probabilities": config.outputs.probabilities,
        "report": config.outputs.report,
        "classified_px": summary.classified_px,
        "classified_area_m2": summary.classified_area_m2,
        "mean_confidence": summary.mean_confidence,
        "class_areas": {
            c.name: {"id": c.id, "count": c.count_px, "share": c.share, "area_m2": c.area_m2} for c in summary.classes
        },
        "class_count": len(summary.classes),
        "status": summary.status,
        "warnings": list(summary.warnings),
    }


def _warn_about_doubts(facts: RunFacts) -> None:
    tally = facts.tally
    absent = [c.name for c in facts.classes if tally.counts[c.id - 1] == 0]
    if absent:
        facts.listener.warn(
            f"No pixel was mapped as {_listed(absent)}: not in the scene, or not told apart from another class."
        )
    n_low = int(tally.histogram[:, : round(LOW_CONFIDENCE * N_CONFIDENCE_BINS)].sum())
    share = n_low / max(1, tally.n_classified)
    if share > UNCERTAIN_SHARE:
        facts.listener.warn(
            f"{share:.0%} of the classified pixels have a confidence below {LOW_CONFIDENCE}: the best two classes are "
            "nearly equal there. Look at the confidence raster before using the map."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _class_summary(facts: RunFacts, land_cover: LandCoverClass) -> ClassSummary:
    index = land_cover.id - 1
    count = int(facts.tally.counts[index])
    pixel_area_m2 = facts.scene.grid.pixel_area_m2
    confidence = float(facts.tally.class_confidence()[index])
    interpreted = facts.prior.interpretation.classes[index]
    return ClassSummary(
        id=land_cover.id,
        name=land_cover.name,
        colour=land_cover.colour,
        count_px=count,
        share=count / max(1, facts.tally.n_classified),
        area_m2=None if pixel_area_m2 is None else count * pixel_area_m2,
        mean_confidence=None if np.isnan(confidence) else confidence,
        aliases=land_cover.aliases,
        is_known=interpreted.known,
        interpretation=interpreted.materials,
    )


def _histogram(counts: NDArray[np.int64]) -> Histogram:
    edges = np.linspace(0.0, 1.0, N_CONFIDENCE_BINS + 1)
    return Histogram(tuple(edges.tolist()), tuple(int(n) for n in counts))


def _mean_spectra(facts: RunFacts) -> Tuple[MeanSpectrum, ...]:
    """Mean spectra over the sample, whose pixels get the same labels as in the map."""
    values = np.ascontiguousarray(facts.sample.spectra.T[list(facts.prior.band_indices)])[:, np.newaxis, :]
    valid = np.ones(values.shape[1:], dtype=bool)
    probabilities = facts.prior.predict(values, valid)
    labels, _ = decide(probabilities, valid, facts.config.min_confidence, facts.prior.interpretation.precedence)
    return class_spectra(facts.sample.spectra, labels[0], facts.scene.axis.centres_nm, len(facts.classes))
