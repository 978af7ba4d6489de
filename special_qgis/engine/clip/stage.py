# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage: a scene's colours and class names to class probabilities of every pixel, in bounded memory.

The scene is scored at several scales. At each, windows slide over it row by row; their scores are averaged where they
overlap; a softmax over all queries gives probabilities, of which a class takes the largest of its queries; area
averages bring them back to the scene's grid. The mean over scales, normalised, goes to a ``TileStore``.

Source: SPECIAL, arXiv 2501.16222, section III-A; Li et al. 2024, SegEarth-OV, arXiv 2410.01768.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..classes.classes import LandCoverClass
from ..config import ClipConfig
from ..errors import ConfigError
from ..evidence.tile_store import TileStore
from ..progress import Progress, SubProgress, check_cancelled
from ..report.summary import ClipSummary
from ..windows import TILE_PX, Window, plan_tiles
from .loaded_clip import LoadedClip
from .scaled_image import ScaledImage
from .scales import automatic_factors
from .scorer import Placement, WindowScorer
from .scoring_options import ScoringOptions
from .source import RgbSource
from .text import ClassEmbeddings, embed_classes
from .tower import image_side_px, patch_px
from .way_back import WayBack, cut_bands
from .windows import RowMerger, WindowPlan, batches, plan_windows

__all__ = ["plan_scales", "score_scene"]

_ENCODED = 0.1  # fraction of the stage at which the class names are encoded


@dataclass(frozen=True)
class _Scale:
    """The scene at one scale, and the windows over it."""

    number: int
    image: ScaledImage
    plan: WindowPlan


@dataclass(frozen=True)
class _Scoring:
    """What a scene is scored with."""

    source: RgbSource
    scorer: WindowScorer
    embeddings: ClassEmbeddings
    config: ClipConfig


def score_scene(
    source: RgbSource,
    clip: LoadedClip,
    classes: Sequence[LandCoverClass],
    options: ScoringOptions,
    store: TileStore,
    progress: Progress,
) -> ClipSummary:
    """Write class probabilities of every tile of a scene.

    Args:
        source: The scene's colours.
        clip: The model, whose visual tower is a ViT; it is left as it is.
        classes: Land-cover classes in the order of their ids.
        options: How, where and by which upsampler.
        store: Store of tiles, of the scene's size and number of classes; every tile is written.
        progress: Receives the share of windows done, and warnings; checked for cancel at every batch and every window.

    Returns:
        What the report shows of the stage; what names the checkpoint is left empty.

    Raises:
        ConfigError: Model, upsampler, options or store do not fit one another.
        EngineError: Memory does not suffice.
        RasterWriteError: The disk is full.
        Cancelled: The user cancelled.
    """
    if (store.rows, store.cols, store.n_classes) != (source.rows, source.cols, len(classes)):
        raise ConfigError(
            f"The store holds {store.n_classes} classes of {store.rows} × {store.cols} pixels; "
            f"{len(classes)} classes of {source.rows} × {source.cols} are needed."
        )
    scales = plan_scales(source, clip.model.visual, options.config)
    part = SubProgress(progress, 0.0, _ENCODED)
    embeddings = embed_classes(clip, classes, options.config, options.cache_folder, part)
    window = (scales[0].plan.window_rows, scales[0].plan.window_cols)
    scorer = WindowScorer(clip.tower, embeddings.queries, options, window, progress)
    scoring = _Scoring(source, scorer, embeddings, options.config)
    _write_scales(scoring, scales, store, SubProgress(progress, _ENCODED, 1.0))
    return _summary(scoring, scales)


def plan_scales(source: RgbSource, visual: Any, config: ClipConfig) -> List[_Scale]:
    """The scene at every scale factor, and windows over each.

    Raises:
        ConfigError: The window does not fit the model's patches.
    """
    window_px = config.window_px or image_side_px(visual)
    stride_px = config.stride_px or max(1, window_px // 2)
    scales = []
    for number, factor in enumerate(config.scales or automatic_factors(source.gsd_m)):
        image = ScaledImage(source, factor)
        scales.append(
            _Scale(number, image, plan_windows(image.rows, image.cols, window_px, stride_px, patch_px(visual)))
        )
    return scales


def _write_scales(scoring: _Scoring, scales: Sequence[_Scale], store: TileStore, progress: Progress) -> None:
    """Score all scales side by side, one row of tiles after the other, and write their mean."""
    counter = _Counter(sum(scale.plan.n_windows for scale in scales), progress)
    source = scoring.source
    streams = [_bands(scoring, scale, counter) for scale in scales]
    for bands in zip(*streams):
        first, n_rows = bands[0][0], bands[0][1].shape[1]
        place = Window(first, 0, n_rows, source.cols)
        for tile in plan_tiles(place):
            check_cancelled(progress)
            rows, cols = tile.slices(place)
            total = np.sum([probabilities[:, rows, cols] for _, probabilities in bands], axis=0, dtype=np.float32)
            _, valid = source.read(tile)
            store.write(tile, total / total.sum(axis=0), valid)


class _Counter:
    """Counts the windows that are done."""

    def __init__(self, n_windows: int, progress: Progress) -> None:
        self.progress = progress
        self._n_windows, self._n_done = n_windows, 0

    def add(self, n: int) -> None:
        """Add windows that are done, and report their share."""
        self._n_done += n
        self.progress.report(self._n_done / self._n_windows, "Comparing the scene with the class names")


def _bands(scoring: _Scoring, scale: _Scale, counter: _Counter) -> Iterator[Tuple[int, NDArray[np.float32]]]:
    """First row and (classes, rows, cols) probabilities of each row of the scene's tiles, at one scale."""
    image, source, config = scale.image, scoring.source, scoring.config
    class_of_query = scoring.embeddings.class_of_query
    back = WayBack((image.rows, image.cols), (source.rows, source.cols), class_of_query, config.temperature)

    def parts() -> Iterator[Tuple[int, NDArray[np.float32]]]:
        for place, scores in _score_rows(scale, scoring.scorer, config.blending, counter):
            back.add(place, scores)
            yield back.finished()

    return cut_bands(parts(), source.rows, TILE_PX)


def _score_rows(
    scale: _Scale, scorer: WindowScorer, blending: str, counter: _Counter
) -> Iterator[Tuple[Window, NDArray[np.float32]]]:
    """Rows of the scaled image whose scores are complete, from the top, and those scores."""
    plan, image = scale.plan, scale.image
    merger = RowMerger(plan, scorer.n_queries, blending)
    for row in range(len(plan.tops)):
        for cols in batches(plan, scorer.batch):
            check_cancelled(counter.progress)
            _score_batch(scale, scorer, merger, row, cols)
            counter.add(len(cols))
        place, scores = merger.finish(row)
        inside = Window(place.row_off, 0, min(place.rows, image.rows - place.row_off), image.cols)
        yield inside, scores[:, : inside.rows, : inside.cols]
        merger.advance(row)


def _score_batch(scale: _Scale, scorer: WindowScorer, merger: RowMerger, row: int, cols: Sequence[int]) -> None:
    """Score neighbouring windows; those without a valid pixel are passed over."""
    plan = scale.plan
    left = plan.lefts[cols[0]]
    width = plan.lefts[cols[-1]] + plan.window_cols - left
    span = scale.image.read(Window(plan.tops[row], left, plan.window_rows, width), scorer.uses_spectra)
    windows = [(col, span.cut(_cols(plan, col, left))) for col in cols]
    seen = [(col, part) for col, part in windows if part.valid.any()]
    if not seen:
        return
    guides = [part.guide for _, part in seen if part.guide is not None]
    corners = tuple((plan.tops[row], plan.lefts[col]) for col, _ in seen)
    scores = scorer.score(
        np.stack([part.rgb for _, part in seen]),
        np.stack(guides) if guides else None,
        Placement(scale.number, plan.cols, corners),
    )
    for (col, _), of_window in zip(seen, scores):
        merger.add(row, col, of_window)


def _cols(plan: WindowPlan, col: int, origin: int) -> slice:
    return slice(plan.lefts[col] - origin, plan.lefts[col] - origin + plan.window_cols)


def _summary(scoring: _Scoring, scales: Sequence[_Scale]) -> ClipSummary:
    """What the report shows."""
    scorer, embeddings, config = scoring.scorer, scoring.embeddings, scoring.config
    words: List[List[str]] = [[] for _ in range(embeddings.n_classes)]
    for index, word in zip(embeddings.class_of_query, embeddings.words):
        words[index].append(word)
    return ClipSummary(
        words=tuple(map(tuple, words)),
        templates=config.templates,
        scales=tuple(scale.image.factor for scale in scales),
        scales_chosen="by the options" if config.scales else "by the size of a pixel",
        pixel_m=scoring.source.gsd_m,
        window_px=tuple((scale.plan.window_rows, scale.plan.window_cols) for scale in scales),
        n_windows=tuple(scale.plan.n_windows for scale in scales),
        blending=config.blending,
        upsampler=scorer.kind,
        tolerance=config.tolerance,
        device=str(scorer.device),
        precision=str(scorer.dtype).rpartition(".")[2],
        batch=scorer.batch,
        compiled=scorer.is_compiled,
    )
