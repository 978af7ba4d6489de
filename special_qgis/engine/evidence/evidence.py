# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage as the pipeline sees it: whatever gives class probabilities of any tile of a scene.

Evidence reads one tile at a time and may be called from several threads. Tiles come on the fixed grid, so
what is computed for one never depends on memory or on the order of the tiles.
"""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Optional, Protocol, Sequence

import numpy as np
from numpy.typing import NDArray

from ..probabilities import decide_known
from ..progress import Progress
from ..scene.scene import Block, Scene
from ..windows import Window
from .fusion import Fusion, source_agreement
from .parallel import map_ordered
from .source import FittedSource


class Evidence(Protocol):
    """Gives class probabilities of tiles."""

    @property
    def precedence(self) -> Optional[Sequence[int]]:
        """Row indices of all classes in the order in which they win ties; None = the order of the rows."""

    def predict(self, window: Window, block: Block) -> Prediction:
        """Class probabilities of a tile."""


class Prediction(NamedTuple):
    """Class probabilities of a tile, and how far its sources agree."""

    probabilities: NDArray[np.float32]  # (classes, rows, cols), sum 1, or all 0 where invalid or nothing is known
    # (rows, cols) in [0, 1], source agreement; None = fewer than two sources tell single classes
    agreement: Optional[NDArray[np.float32]] = None


class MappedTile(NamedTuple):
    """A decided tile."""

    window: Window
    valid: NDArray[np.bool_]  # (rows, cols)
    probabilities: NDArray[np.float32]  # (classes, rows, cols)
    labels: NDArray[np.uint8]  # (rows, cols), 0 = no data or unclassified
    confidence: NDArray[np.float32]  # (rows, cols)
    agreement: Optional[NDArray[np.float32]] = None  # (rows, cols) in [0, 1], source agreement of the first stage

    def above(self, min_confidence: float) -> MappedTile:
        """The tile with pixels of less confidence unclassified."""
        if min_confidence <= 0.0:
            return self
        return self._replace(labels=np.where(self.confidence < min_confidence, np.uint8(0), self.labels))


class SourceEvidence:
    """One source alone.

    Args:
        source: The only source of the run, fitted to the scene.
    """

    def __init__(self, source: FittedSource) -> None:
        self._source = source
        self.precedence = source.precedence

    def predict(self, window: Window, block: Block) -> Prediction:
        """Probabilities of a tile."""
        return Prediction(self._source.predict(window, block))


class FusedEvidence:
    """Several sources, weighed for the scene.

    Args:
        sources: Sources of the run, fitted to the scene, in the order of their table.
        fusion: Weight and temperature of each source, in the same order.
    """

    def __init__(self, sources: Sequence[FittedSource], fusion: Fusion) -> None:
        self._sources, self._fusion = tuple(sources), fusion
        self.precedence = next((one.precedence for one in sources if one.precedence is not None), None)

    def predict(self, window: Window, block: Block) -> Prediction:
        """Probabilities of a tile, and how far the sources agree."""
        found = [source.predict(window, block) for source in self._sources]
        tempered = [weighing.temper(p) for weighing, p in zip(self._fusion.weighings, found)]
        whole = [p for weighing, p in zip(self._fusion.weighings, tempered) if not weighing.is_partial]
        agreement = source_agreement(whole) if len(whole) > 1 else None
        return Prediction(self._fusion.combine_tempered(tempered, found), agreement)


def decide_tile(
    window: Window,
    valid: NDArray[np.bool_],
    probabilities: NDArray[np.float32],
    precedence: Optional[Sequence[int]] = None,
) -> MappedTile:
    """Labels and confidence of a tile; pixels without any probability stay unclassified.

    Args:
        window: Place of the tile in the scene, in pixels of the mapped area.
        valid: (rows, cols) bool, pixels with data.
        probabilities: (classes, rows, cols) float32, sum 1; all 0 where nothing is known.
        precedence: Row indices of all classes in the order in which they win ties; None = the order of the rows.
    """
    labels, confidence = decide_known(probabilities, valid, precedence)
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
        evidence: Gives the class probabilities of each tile; called from several threads.
        look: Receives each window and its block before it is classified, from several threads; None = nothing does.
        progress: Receives the share of pixels done; checked for cancel before every tile.
    """

    def compute(read: tuple[Window, Block]) -> MappedTile:
        window, block = read
        if look is not None:
            look(window, block)
        found = evidence.predict(window, block)
        tile = decide_tile(window, block.valid, found.probabilities, evidence.precedence)
        return tile._replace(agreement=found.agreement)

    return map_ordered(compute, scene.tiles(progress))
