# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns the results of the stages into a ``RunSummary``, the report's files and the job's result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..errors import ConfigError
from ..outputs.output_set import OutputSet
from ..progress import RecordingProgress
from ..report.images import encode_png
from ..report.report import render_html, render_json
from ..report.summary import ClassSummary, Histogram, LearningSummary, MeanSpectrum, RunSummary, SourceReport
from ..scene.scene import Scene
from ..spectral_prior.interpretation import Interpretation
from .provenance import describe_run
from .stopwatch import Stopwatch
from .tally import N_CONFIDENCE_BINS, MapTally, SampleLabels, class_spectra

LOW_CONFIDENCE = 0.1  # a pixel whose best class leads by less is called uncertain
REPORT_SUFFIXES = (".html", ".htm")
UNCERTAIN_SHARE = 0.25  # of the classified pixels; above, the user is warned


@dataclass(frozen=True)
class RunFacts:
    """Results of the stages of one run that maps a scene."""

    title: str
    parameters: Dict[str, Any]  # JSON form of the job's options
    estimates: Dict[str, Any]  # what the method estimated from the scene, as JSON values
    quantity: str  # "reflectance", "radiance" or "unknown", as the values were treated
    interpretation: Optional[Interpretation] = None  # None = names were not read
    sources: Tuple[SourceReport, ...] = ()  # of the first stage's sources of evidence
    learning: Optional[LearningSummary] = None  # None = no network stage
    stages: Tuple[str, ...] = ()  # what made the map, in words and in order

    @cached_property
    def provenance(self) -> Dict[str, Any]:
        """Where the results come from, the same in the rasters and in the report."""
        return describe_run(self.parameters, {"stages": list(self.stages), **self.estimates})


@dataclass(frozen=True)
class MapFigures:
    """Figures gathered while a map was made."""

    scene: Scene
    classes: Tuple[LandCoverClass, ...]  # in the order of their ids
    tally: MapTally
    sample_labels: Optional[SampleLabels]  # None = no sample was kept
    rgba: Optional[NDArray[np.uint8]]  # (rows, cols, 4), the scene in true colour; None = no picture


def summarise(facts: RunFacts, figures: MapFigures, listener: RecordingProgress, watch: Stopwatch) -> RunSummary:
    """Fill the summary that report and result are made from; warns of doubtful results on the way.

    Args:
        facts: Stages, estimates and parameters of the run.
        figures: Counts, confidences and pictures of the map.
        listener: Receives warnings; the warnings it has recorded and its status go into the summary.
        watch: Stopwatch of the job.
    """
    _warn_about_doubts(figures, listener)
    spectra = _mean_spectra(figures)
    watch.lap("Summing up")
    tally, grid = figures.tally, figures.scene.grid
    return RunSummary(
        title=facts.title,
        classes=tuple(_class_summary(facts, figures, c) for c in figures.classes),
        scene=figures.scene.summary(),
        status=listener.status,
        warnings=tuple(listener.warnings),
        classified_px=tally.n_classified,
        unclassified_px=tally.n_valid - tally.n_classified,
        invalid_px=tally.n_px - tally.n_valid,
        pixel_area_m2=grid.pixel_area_m2,
        pixel_size=grid.pixel_size,
        pixel_units=grid.units,
        mean_confidence=tally.mean_confidence if tally.n_classified else None,
        inseparable=facts.interpretation.inseparable if facts.interpretation else (),
        confidence=_histogram(tally.histogram.sum(axis=0)),
        class_confidence={c.id: _histogram(tally.histogram[c.id - 1]) for c in figures.classes},
        spectra=spectra,
        sources=facts.sources,
        learning=facts.learning,
        stages=facts.stages,
        quantity=facts.quantity,
        map_png=tally.thumbnail.png({c.id: c.colour for c in figures.classes}),
        rgb_png=None if figures.rgba is None else encode_png(figures.rgba),
        timing_s=watch.laps_s,
        parameters=facts.parameters,
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


def _warn_about_doubts(figures: MapFigures, listener: RecordingProgress) -> None:
    tally = figures.tally
    absent = [c.name for c in figures.classes if tally.counts[c.id - 1] == 0]
    if absent:
        listener.warn(
            f"No pixel was mapped as {_listed(absent)}: not in the scene, or not told apart from another class."
        )
    n_low = int(tally.histogram[:, : round(LOW_CONFIDENCE * N_CONFIDENCE_BINS)].sum())
    share = n_low / max(1, tally.n_classified)
    if share > UNCERTAIN_SHARE:
        listener.warn(
            f"{share:.0%} of the classified pixels have a confidence below {LOW_CONFIDENCE}: the best two classes are "
            "nearly equal there. Look at the confidence raster before using the map."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _class_summary(facts: RunFacts, figures: MapFigures, land_cover: LandCoverClass) -> ClassSummary:
    index = land_cover.id - 1
    count = int(figures.tally.counts[index])
    pixel_area_m2 = figures.scene.grid.pixel_area_m2
    confidence = float(figures.tally.class_confidence()[index])
    read = facts.interpretation.classes[index] if facts.interpretation else None
    return ClassSummary(
        id=land_cover.id,
        name=land_cover.name,
        colour=land_cover.colour,
        count_px=count,
        share=count / max(1, figures.tally.n_classified),
        area_m2=None if pixel_area_m2 is None else count * pixel_area_m2,
        mean_confidence=None if np.isnan(confidence) else confidence,
        aliases=land_cover.aliases,
        is_known=read is None or read.known,
        interpretation="" if read is None else read.materials,
    )


def _histogram(counts: NDArray[np.int64]) -> Histogram:
    edges = np.linspace(0.0, 1.0, N_CONFIDENCE_BINS + 1)
    return Histogram(tuple(edges.tolist()), tuple(int(n) for n in counts))


def _mean_spectra(figures: MapFigures) -> Tuple[MeanSpectrum, ...]:
    """Mean spectra of the sample's pixels by their labels in the map."""
    found = figures.sample_labels
    if found is None:
        return ()
    return class_spectra(found.sample.spectra, found.labels, figures.scene.axis.centres_nm, len(figures.classes))
