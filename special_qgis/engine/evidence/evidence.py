# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage 1 as the pipeline sees it: whatever gives class probabilities of any tile of a scene.

A source of evidence looks at one tile at a time and may be asked from several threads. Tiles come on the fixed grid, so
what is computed for one never depends on memory or on the order of the tiles.
"""

from __future__ import annotations

import threading
from typing import Callable, Iterator, NamedTuple, Optional, Protocol, Sequence

import numpy as np
from numpy.typing import NDArray

from ..probabilities import decide
from ..progress import Progress
from ..scene.scene import Block, Scene
from ..spectral_prior import SpectralPrior
from ..windows import Window
from .fusion import Fusion, agreement, tempered
from .parallel import map_ordered
from .tile_store import TileStore


class Evidence(Protocol):
    """Gives class probabilities of tiles."""

    @property
    def precedence(self) -> Optional[Sequence[int]]:
        """All rows of the probabilities in the order in which equals win; None = as they are."""

    def predict(self, window: Window, block: Block) -> Prediction:
        """What is known of a tile."""


class Prediction(NamedTuple):
    """What a source says of a tile."""

    probabilities: NDArray[np.float32]  # (classes, rows, cols), sum 1, or all 0 where invalid or nothing is known
    agreement: Optional[NDArray[np.float32]] = None  # (rows, cols) in [0, 1], of two sources; None = there is one


class MappedTile(NamedTuple):
    """A decided tile."""

    window: Window
    valid: NDArray[np.bool_]  # (rows, cols)
    probabilities: NDArray[np.float32]  # (classes, rows, cols)
    labels: NDArray[np.uint8]  # (rows, cols), 0 = no data or unclassified
    confidence: NDArray[np.float32]  # (rows, cols)
    agreement: Optional[NDArray[np.float32]] = None  # (rows, cols), of the first stage's sources

    def above(self, min_confidence: float) -> MappedTile:
        """The tile with pixels of less confidence unclassified."""
        if min_confidence <= 0.0:
            return self
        return self._replace(labels=np.where(self.confidence < min_confidence, np.uint8(0), self.labels))


class SpectralEvidence:
    """The spectral prior, pixel by pixel.

    Args:
        prior: Fitted on the scene.
    """

    def __init__(self, prior: SpectralPrior) -> None:
        self._prior = prior
        self.precedence: Optional[Sequence[int]] = prior.interpretation.precedence

    def predict(self, window: Window, block: Block) -> Prediction:
        """Probabilities of a tile."""
        return Prediction(self._prior.predict(block.values(self._prior.band_indices), block.valid))


class StoredEvidence:
    """Probabilities that were computed before, from a tile store.

    Args:
        store: All tiles of the scene are in it.
    """

    precedence: Optional[Sequence[int]] = None

    def __init__(self, store: TileStore) -> None:
        self._store = store
        self._lock = threading.Lock()  # the store has one place in its file

    def predict(self, window: Window, block: Block) -> Prediction:
        """Probabilities of a tile."""
        with self._lock:
            probabilities, _ = self._store.read(window)
        probabilities *= block.valid
        return Prediction(probabilities)


class FusedEvidence:
    """Image–text model and spectral prior, weighed for the scene.

    Args:
        clip: Scores of the image–text model.
        prior: Fitted on the scene.
        fusion: How to weigh them.
    """

    def __init__(self, clip: StoredEvidence, prior: SpectralPrior, fusion: Fusion) -> None:
        self._clip, self._prior, self._fusion = clip, prior, fusion
        self.precedence: Optional[Sequence[int]] = prior.interpretation.precedence

    def predict(self, window: Window, block: Block) -> Prediction:
        """Probabilities of a tile, and how far the two agree."""
        clip = tempered(self._clip.predict(window, block).probabilities, self._fusion.temperature)
        spectral = self._prior.predict(block.values(self._prior.band_indices), block.valid)
        return Prediction(self._fusion.combine_tempered(clip, spectral), agreement(clip, spectral))


def decide_tile(
    window: Window,
    valid: NDArray[np.bool_],
    probabilities: NDArray[np.float32],
    precedence: Optional[Sequence[int]] = None,
) -> MappedTile:
    """Labels and confidence of a tile; pixels without any probability stay unclassified.

    Args:
        window: Where the tile lies.
        valid: (rows, cols) bool.
        probabilities: (classes, rows, cols) float32.
        precedence: As ``confidence.decide``.
    """
    known = valid & (probabilities.max(axis=0) > 0.0)
    labels, confidence = decide(probabilities, known, precedence)
    return MappedTile(window, valid, probabilities, labels, confidence)


def decided_tiles(
    scene: Scene,
    evidence: Evidence,
    look: Optional[Callable[[Window, Block], None]],
    progress: Progress,
) -> Iterator[MappedTile]:
    """Compute the tiles of the fixed grid in threads and yield them in order.

    Args:
        scene: Open scene.
        evidence: Asked for each tile.
        look: Shown every tile on the way, from several threads; None = nobody.
        progress: Reports the share of pixels done; asked for cancel before every tile.
    """

    def compute(read: tuple[Window, Block]) -> MappedTile:
        window, block = read
        if look is not None:
            look(window, block)
        found = evidence.predict(window, block)
        tile = decide_tile(window, block.valid, found.probabilities, evidence.precedence)
        return tile._replace(agreement=found.agreement)

    return map_ordered(compute, scene.tiles(progress))
