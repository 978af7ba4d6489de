# SPDX-License-Identifier: GPL-2.0-or-later
"""A scene on disk and its first-stage probabilities in a temporary file, as the network stage sees them."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..evidence.tile_store import TileStore
from ..scene.scene import Scene
from ..windows import Window


class ScenePixels:
    """Windows of an open scene; one thread at a time.

    Args:
        scene: Open scene.
        store: First-stage probabilities of all tiles of the scene.
        class_names: Name of each class in the order of the ids, for messages.
        precedence: Row indices of all classes in the order in which they win ties; None = the order of the rows.

    Raises:
        InputError: Scene and first stage differ in size.
    """

    def __init__(
        self,
        scene: Scene,
        store: TileStore,
        class_names: Sequence[str],
        precedence: Optional[Sequence[int]] = None,
    ) -> None:
        if (scene.rows, scene.cols) != (store.rows, store.cols):
            raise InputError(
                f"The scene has {scene.rows} × {scene.cols} pixels, the first stage has {store.rows} × {store.cols}; "
                "the same size is needed."
            )
        self._scene, self._store = scene, store
        self.rows, self.cols = scene.rows, scene.cols
        self.n_bands, self.n_classes = scene.n_bands, store.n_classes
        self.class_names = tuple(class_names)
        self.precedence = precedence

    def values(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Values, 0 where invalid, and valid pixels of a window."""
        block = self._scene.read(window)
        return block.values(), block.valid

    def first_stage(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Probabilities and valid pixels of a window."""
        return self._store.read(window)

    def sample(self, n_px: int, seed: int) -> NDArray[np.float32]:
        """Spectra of valid pixels spread over the scene."""
        return self._scene.sample(n_px, seed).spectra
