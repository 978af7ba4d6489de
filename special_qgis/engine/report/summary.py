# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run found, as plain values: the pipeline fills a ``RunSummary``, the report shows it.

Nothing here computes on pixels or formats text, so that the HTML and the JSON report cannot disagree.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Optional, Protocol, Tuple


@dataclass(frozen=True)
class ClassSummary:
    """One class of the map."""

    id: int  # value in the class raster, 1..K
    name: str
    colour: str  # "#rrggbb"
    count_px: int
    share: float  # of the classified pixels, in [0, 1]; 0 where nothing was classified
    area_m2: Optional[float] = None  # None where the scene has no ground units
    mean_confidence: Optional[float] = None  # of the class's pixels, in [0, 1]; None where it has none
    aliases: Tuple[str, ...] = ()
    is_known: bool = True  # False = the spectral prior was asked and does not understand the name
    interpretation: str = ""  # what the name was read as, in words: "tree, some grass"; "" = names were not read


@dataclass(frozen=True)
class Histogram:
    """Numbers of pixels in bins."""

    edges: Tuple[float, ...]  # n + 1 ascending bin borders
    counts: Tuple[int, ...]  # n numbers of pixels

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"a histogram of {len(self.counts)} bins needs {len(self.counts) + 1} edges")


@dataclass(frozen=True)
class MeanSpectrum:
    """Mean spectrum of one class with its spread."""

    class_id: int
    wavelengths_nm: Tuple[float, ...]  # (n,) ascending; the chart breaks its line where bands were left out
    mean: Tuple[float, ...]  # (n,) scene units
    sd: Tuple[float, ...]  # (n,) standard deviation over pixels, scene units
    n_px: int  # pixels that both come from

    def __post_init__(self) -> None:
        if not len(self.wavelengths_nm) == len(self.mean) == len(self.sd):
            raise ValueError("wavelengths_nm, mean and sd of a spectrum must have the same length")


@dataclass(frozen=True)
class ClipSummary:
    """Which image–text model looked at the scene, for which words and how; the fields are keys of the JSON."""

    words: Tuple[Tuple[str, ...], ...]  # that each class was looked for as, classes in the order of their ids
    templates: str  # name of the prompt templates
    scales: Tuple[float, ...]  # factors by which the scene was enlarged
    scales_chosen: str  # who chose them, in words
    pixel_m: Optional[float]  # side of a pixel on the ground; None = unknown
    window_px: Tuple[Tuple[int, int], ...]  # rows, columns of a window at each scale
    n_windows: Tuple[int, ...]  # at each scale
    blending: str  # of windows where they overlap
    upsampler: str  # kind: what took the scores from patches to pixels
    tolerance: float
    device: str  # "cpu" or "cuda…"
    precision: str  # of the visual tower: "float32", "bfloat16" …
    batch: int  # windows scored at once
    compiled: bool  # whether the visual tower was compiled
    model: str = ""  # name of the checkpoint; this and what follows is "" or False where the model is not from a file
    architecture: str = ""
    sha256: str = ""  # of the checkpoint's file
    licence: str = ""
    is_demo: bool = False
    upsampler_file: str = ""  # "" = no learned upsampler was used
    computed_on: str = ""  # name of the device

    def to_json(self) -> Dict[str, Any]:
        """The fields as JSON values, in their order."""
        values = asdict(self)
        values["words"] = [list(of_class) for of_class in self.words]
        values["window_px"] = [list(sides) for sides in self.window_px]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


@dataclass(frozen=True)
class LearningSummary:
    """How the network learnt the scene from the first stage's labels, and what it changed."""

    is_used: bool  # False = the map is the first stage's
    reason: str = ""  # why the network's result is not used, in words; "" = it is
    losses: Tuple[float, ...] = ()  # of every training step
    agreements: Tuple[float, ...] = ()  # with the first stage at every step, weighted by its confidence
    final_agreement: Optional[float] = None  # of the final weights, over all training windows
    confident_px: Tuple[int, ...] = ()  # of every epoch after the warm-up
    hard_px: Tuple[int, ...] = ()
    changed_px: int = 0  # pixels whose class is another than the first stage's
    compared_px: int = 0  # pixels that have a class in both
    transitions: Tuple[Tuple[int, int, int], ...] = ()  # from class, to class, pixels; most frequent first
    device: str = ""  # where the training ran
    backend: str = ""  # what ran the Mamba layers

    @property
    def changed_share(self) -> Optional[float]:
        """Share of pixels whose class was changed; None where nothing was compared."""
        return self.changed_px / self.compared_px if self.is_used and self.compared_px else None


class SourceFacts(Protocol):
    """Facts that a source has to say in the report's JSON."""

    def to_json(self) -> Dict[str, Any]:
        """The facts as JSON values."""


@dataclass(frozen=True)
class SourceSection:
    """Section of the report on a source of evidence, as plain text."""

    title: str
    notes: Tuple[str, ...] = ()  # paragraphs before everything else
    words: Tuple[Tuple[str, ...], ...] = ()  # what each class was looked for as, in the order of the classes
    pairs: Tuple[Tuple[str, str], ...] = ()  # name and value


@dataclass(frozen=True)
class SourceReport:
    """What a source of evidence leaves for the report."""

    name: str  # as in ``source_kinds``
    stage: str  # in words, for the list of what made the map
    quantity: str = ""  # "reflectance" or "radiance", as it treated the values; "" = it does not say
    reads_names: bool = False  # whether it looks for what the class names were interpreted as
    section: Optional[SourceSection] = None  # None = it has none
    facts: Optional[SourceFacts] = None  # under its name in the report's JSON; None = it has none


@dataclass(frozen=True)
class RunSummary:
    """Everything that the report of one classification shows."""

    title: str
    classes: Tuple[ClassSummary, ...]  # in the order of their ids
    scene: Mapping[str, Any] = field(default_factory=dict)  # Scene.summary(), JSON values
    status: str = "ok"  # "ok" or "ok with warnings"
    warnings: Tuple[str, ...] = ()
    classified_px: int = 0
    unclassified_px: int = 0  # valid pixels left out for low confidence
    invalid_px: int = 0  # nodata, masked or outside the area of interest
    pixel_area_m2: Optional[float] = None  # None where the scene has no ground units
    pixel_size: Optional[Tuple[float, float]] = None  # x, y in pixel_units
    pixel_units: str = ""  # "metre", "degree", …; "" = unknown
    mean_confidence: Optional[float] = None  # over classified pixels
    inseparable: Tuple[Tuple[int, ...], ...] = ()  # ids of classes that the evidence cannot tell apart
    confidence: Optional[Histogram] = None  # over classified pixels
    class_confidence: Mapping[int, Histogram] = field(default_factory=dict)  # the same by class id; may be empty
    spectra: Tuple[MeanSpectrum, ...] = ()
    sources: Tuple[SourceReport, ...] = ()  # of the first stage's sources of evidence
    learning: Optional[LearningSummary] = None  # None = no network stage in this run
    stages: Tuple[str, ...] = ()  # what made the map, in words and in order: "spectral prior", "MambaHSI …"
    quantity: str = "unknown"  # "reflectance", "radiance" or "unknown", for the spectra's axis
    map_png: Optional[bytes] = None  # picture of the class raster
    rgb_png: Optional[bytes] = None  # picture of the scene in true colour
    timing_s: Mapping[str, float] = field(default_factory=dict)  # stage in words -> seconds, in order
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON form of the job's options
    provenance: Mapping[str, Any] = field(default_factory=dict)  # versions, seed, platform, input …

    @property
    def classified_area_m2(self) -> Optional[float]:
        """Area of the classified pixels; None where the scene has no ground units."""
        return None if self.pixel_area_m2 is None else self.classified_px * self.pixel_area_m2

    def class_name(self, class_id: int) -> str:
        """Name of a class by its id; its number in words where the id is not listed."""
        return next((c.name for c in self.classes if c.id == class_id), f"class {class_id}")
