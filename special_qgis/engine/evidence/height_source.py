# SPDX-License-Identifier: GPL-2.0-or-later
"""Heights above ground as a source of evidence: whether a pixel stands up or lies flat, and the class names with it.

``u = 1 / (1 + exp(−(log(h + c) − log(T + c)) / s))`` is how likely a pixel stands up at a height h, and
``P_k ∝ a_k u + (1 − a_k)(1 − u)`` its classes, where ``a_k = ½ + .45 · standing`` is how likely class k stands up. The
threshold T comes without labels from the scene's own heights (Otsu 1979, on their logarithms). What heights say does
not depend on the spectra, so their evidence multiplies that of the others as it is: own weight 1.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..probabilities import normalise
from ..progress import Progress, check_cancelled
from ..rasters.height_raster import HeightRaster
from ..report.formats import format_number
from ..report.summary import SourceReport, SourceSection
from ..scene.sampling import SampleTiles
from ..scene.scene import Block, Sample, Scene
from ..windows import Window
from .heights_of_names import standing_of_classes
from .source import RunRequest, SceneSample

__all__ = ["FittedHeight", "HeightSource", "class_probabilities", "find_threshold", "plan", "upright_probability"]

NAME, TITLE = "height", "height"
WEIGHT = 1.0  # r in the fusion: evidence that is independent of the others counts in full
SURENESS = 0.9  # of a name that stands up or lies flat: it is met at .95 of its pixels
LOG_OFFSET_M = 0.5  # c: heights below are noise of the surface model
SOFTNESS = 0.25  # s: in logarithms of height, about a quarter of the threshold
LOWEST_T_M, HIGHEST_T_M = 1.0, 5.0  # above kerbs, grass and noise; below the eaves of a storey and its roof
HIGHEST_GROUND_M = 20.0  # where the lowest twentieth lies above, the values are elevations
LOWEST_MEDIAN_M = -2.0  # below, the ground is above the surface
SCARCE_SHARE = 0.9  # of the sample with heights, below which it is told
_BINS = 256  # of the histogram that the threshold is searched in


def plan(request: RunRequest, progress: Progress) -> Optional[HeightSource]:
    """The heights, where a raster is given."""
    return HeightSource(request) if request.config.height else None


class HeightSource:
    """The heights of a run.

    Args:
        request: Classes and options of the run.
    """

    name = NAME
    cost = 0.2

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self.standing = standing_of_classes(request.classes)

    @property
    def files(self) -> List[str]:
        """Rasters, which no output may replace."""
        return [path for path in (self._request.config.height, self._request.config.terrain) if path]

    def check_names(self, is_alone: bool, progress: Progress) -> None:
        """Warn where heights cannot tell any two of the classes apart."""
        if len(set(self.standing)) < 2:
            progress.warn(
                "Heights tell none of the classes apart, because none is known to stand up while another lies flat; "
                "the height raster changes nothing."
            )

    def fit(self, given: SceneSample, progress: Progress) -> FittedHeight:
        """Find the height from which a pixel of this scene stands up.

        Raises:
            InputError: The heights do not cover the scene, or are no heights above ground.
        """
        config = self._request.config
        heights = SceneHeights(given.scene, config.height, config.terrain, progress)
        found = heights.of_sample(given.sample, progress)
        known = found[np.isfinite(found)]
        _require_above_ground(known, config.height, bool(config.terrain))
        share = known.size / max(1, found.size)
        if share < SCARCE_SHARE:
            progress.warn(f"The height raster has values for {share:.0%} of the scene; elsewhere it says nothing.")
        names = tuple(one.name for one in self._request.classes)
        facts = HeightFacts(find_threshold(known), share, heights.how, dict(zip(names, self.standing)))
        return FittedHeight(heights, self.standing, facts)


@dataclass(frozen=True)
class HeightFacts:
    """What the heights of a scene were taken for; the fields are keys of the JSON."""

    threshold_m: float  # T, above ground
    share: float  # of the sample's pixels with a height
    how: str  # the raster was brought to the scene's pixels
    standing: Dict[str, float]  # by class: −1 lies flat, 0 in between or not known, 1 stands up

    def to_json(self) -> Dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


class SceneHeights:
    """Heights above ground at the pixels of a scene's area, from one raster or as the difference of two.

    Args:
        scene: Open scene.
        height: Path of the heights, or of the surface's elevations.
        terrain: Path of the ground's elevations; "" = the heights are above ground.
        progress: Receives what is doubtful about the rasters.
    """

    def __init__(self, scene: Scene, height: str, terrain: str, progress: Progress) -> None:
        self._tiles, self._origin = scene.plan_tiles(), scene.file_window
        self._lock = threading.Lock()  # tiles are asked for from several threads
        self._rasters: List[HeightRaster] = []
        for path, role in ((height, "height raster"), (terrain, "terrain model")):
            if path:
                raster = HeightRaster(scene.file_grid, path, role)
                self._rasters.append(raster)
                for warning in raster.warnings:
                    progress.warn(warning)
                progress.info(f"The {role} is taken {raster.how}.")
        self.how = self._rasters[0].how

    def read(self, window: Window) -> NDArray[np.float64]:
        """(rows, cols) float64 metres above ground of a window of the area; NaN where they are not known."""
        row, col = window.row_off + self._origin.row_off, window.col_off + self._origin.col_off
        in_file = Window(row, col, window.rows, window.cols)
        with self._lock:
            found = [raster.read(in_file) for raster in self._rasters]
        return found[0] if len(found) == 1 else found[0] - found[1]

    def of_sample(self, sample: Sample, progress: Optional[Progress] = None) -> NDArray[np.float64]:
        """(n,) float64 metres above ground of the sample's pixels; NaN where they are not known."""
        found = np.full(sample.n_px, np.nan)
        for window, index, rows, cols in SampleTiles(sample).inside(self._tiles):
            if progress is not None:
                check_cancelled(progress)
            found[index] = self.read(window)[rows, cols]
        return found


class FittedHeight:
    """The heights of a scene, pixel by pixel.

    Args:
        heights: Heights above ground of the scene's area.
        standing: For each class from −1, lies flat, to 1, stands up.
        facts: What was found, for the report.
    """

    name = NAME
    precedence: Optional[Sequence[int]] = None
    own_weight: Optional[float] = WEIGHT

    def __init__(self, heights: SceneHeights, standing: Sequence[float], facts: HeightFacts) -> None:
        self._heights, self._standing, self._facts = heights, standing, facts
        self.is_informed = len(set(standing)) > 1

    def predict(self, window: Window, block: Block) -> NDArray[np.float32]:
        """(classes, rows, cols) float32 probabilities of a tile; all 0 where invalid or no height is known."""
        return self._of_heights(np.where(block.valid, self._heights.read(window), np.nan))

    def predict_sample(self, sample: Sample) -> NDArray[np.float32]:
        """(classes, n) float32 probabilities of the sample's pixels."""
        return self._of_heights(self._heights.of_sample(sample))

    def features(self, sample: Sample, progress: Progress) -> Optional[NDArray[np.float64]]:
        """None: it does not look at spectra."""
        return None

    def report(self) -> SourceReport:
        """Its stage and the report's section on heights."""
        facts = self._facts
        groups = (("Stand up", 1), ("Lie flat", -1), ("In between, or not known", 0))
        named = [(text, [n for n, s in facts.standing.items() if np.sign(s) == sign]) for text, sign in groups]
        section = SourceSection(
            "Height",
            ("Heights tell classes that stand up from those that lie flat, whatever their spectra are.",),
            pairs=(
                ("A pixel stands up from", f"{format_number(facts.threshold_m)} m above ground"),
                ("Pixels with a height", f"{facts.share:.1%}"),
                ("Raster", facts.how),
                *((text, ", ".join(names)) for text, names in named if names),
            ),
        )
        return SourceReport(NAME, TITLE, section=section, facts=facts)

    def estimates(self, is_alone: bool) -> Dict[str, Any]:
        """What the heights were taken for."""
        return {NAME: self._facts.to_json()}

    def _of_heights(self, heights_m: NDArray[np.float64]) -> NDArray[np.float32]:
        return class_probabilities(upright_probability(heights_m, self._facts.threshold_m), self._standing)


def upright_probability(heights_m: NDArray[np.float64], threshold_m: float) -> NDArray[np.float64]:
    """How likely pixels stand up.

    Args:
        heights_m: Any shape, float64 metres above ground; NaN = not known.
        threshold_m: Height at which it is one half, above 0.

    Returns:
        float64 of the same shape in [0, 1]; NaN where the height is not known.
    """
    steps = (_log_height(heights_m) - np.log(threshold_m + LOG_OFFSET_M)) / SOFTNESS
    likely: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-steps))
    return likely


def class_probabilities(upright: NDArray[np.float64], standing: Sequence[float]) -> NDArray[np.float32]:
    """Probabilities of classes from how likely pixels stand up.

    Args:
        upright: (…) float64 in [0, 1]; NaN = not known.
        standing: For each class from −1, lies flat, to 1, stands up.

    Returns:
        (classes, …) float32, sum 1; all 0 where nothing is known.
    """
    known = np.isfinite(upright)
    u = np.where(known, upright, 0.5)
    a = 0.5 + 0.5 * SURENESS * np.asarray(standing).reshape(-1, *(1,) * u.ndim)
    evidence = (a * u + (1.0 - a) * (1.0 - u)).astype(np.float32)
    return np.where(known, normalise(evidence), np.float32(0.0))


def find_threshold(heights_m: NDArray[np.float64]) -> float:
    """The height that parts a scene into flat and upright: Otsu's threshold of log heights, within bounds.

    Args:
        heights_m: (n,) float64 metres above ground, at least one.

    Returns:
        Metres, from ``LOWEST_T_M`` to ``HIGHEST_T_M``, rounded to centimetres.

    Source:
        Otsu (1979), IEEE Trans. Systems, Man, Cybernetics 9(1), 62–66, eq. 18.
    """
    counts, edges = np.histogram(_log_height(heights_m), bins=_BINS)
    centres = 0.5 * (edges[1:] + edges[:-1])
    below = np.cumsum(counts)[:-1] / counts.sum()
    moment = np.cumsum(counts * centres)[:-1] / counts.sum()
    mean = float((counts * centres).sum() / counts.sum())
    between = (mean * below - moment) ** 2 / np.maximum(below * (1.0 - below), 1e-12)
    best = np.flatnonzero(between >= between.max() * (1.0 - 1e-9))  # a gap: any value within parts it alike
    height_m = float(np.exp(edges[1:-1][best].mean()) - LOG_OFFSET_M)
    return round(float(np.clip(height_m, LOWEST_T_M, HIGHEST_T_M)), 2)


def _log_height(heights_m: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.log(np.maximum(heights_m, 0.0) + LOG_OFFSET_M)
    return found


def _require_above_ground(known: NDArray[np.float64], path: str, has_terrain: bool) -> None:
    """Refuse heights that do not cover the scene, or are elevations."""
    if not known.size:
        raise InputError(
            f"The height raster {path} has no value at any pixel of the scene; heights of at least a part are needed.",
            "Check its place and its nodata value, and those of the terrain model.",
        )
    low, median = float(np.percentile(known, 5)), float(np.median(known))
    if low > HIGHEST_GROUND_M:
        raise InputError(
            f"The heights of {path} begin at {low:.0f} m (lowest twentieth); heights above ground are needed, and "
            "these look like elevations above sea level.",
            "Check that both rasters have the same datum and unit." if has_terrain else "Give a terrain model as well.",
        )
    if median < LOWEST_MEDIAN_M:
        raise InputError(
            f"The heights of {path} have the median {median:.1f} m; heights above ground are needed.",
            "Check whether surface and terrain are exchanged, and that both have the same datum and unit.",
        )
