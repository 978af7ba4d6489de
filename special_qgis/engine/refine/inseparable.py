# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes that the first stage cannot separate share one output of the network, and are ranked afterwards as before.

Names that stand for the same materials have the same evidence in every pixel. Given an output each, the network would
learn differences between them that are not there, and class balance would blow up whichever wins nowhere. So they are
learnt as one class, and its members are ranked in the map as the first stage ranks them.
"""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import RefinementError
from ..progress import Progress, check_cancelled
from ..windows import Window, plan_tiles
from .first_stage import Pixels

__all__ = ["MergedPixels", "find_outputs", "merge_inseparable", "merged", "shared"]


def merge_inseparable(pixels: Pixels, progress: Progress) -> MergedPixels:
    """A scene as the network learns it: inseparable classes are one.

    Args:
        pixels: The scene, with its first stage.
        progress: Checked for cancel at every tile; told which classes are learnt together.

    Raises:
        RefinementError: The first stage separates no class from any other, so that there is nothing to learn.
        Cancelled: The user cancelled.
    """
    outputs = find_outputs(pixels, progress)
    if max(outputs) == 0 and not _is_unlabelled(pixels):
        raise RefinementError(
            "The first stage separates none of the classes from the others, so there is nothing to learn.",
            "inseparable",
            "Use names of different materials, or a CLIP model.",
        )
    n_shared = len(outputs) - len(set(outputs))
    if n_shared:
        progress.info(
            f"{len(outputs)} classes are learnt as {len(set(outputs))}, because the first stage cannot separate the "
            "others; they are ranked as it ranks them."
        )
    return MergedPixels(pixels, outputs)


def _is_unlabelled(pixels: Pixels) -> bool:
    """Whether the first stage says nothing anywhere, which whoever learns from it refuses."""
    return not any(pixels.first_stage(tile)[0].any() for tile in plan_tiles(Window(0, 0, pixels.rows, pixels.cols)))


def find_outputs(pixels: Pixels, progress: Progress) -> Tuple[int, ...]:
    """The output of the network that each class gets: classes of equal probabilities in all pixels share one.

    Args:
        pixels: The scene, with its first stage.
        progress: Checked for cancel at every tile.

    Returns:
        For each class the number of its output, from 0, in the order in which outputs are met.
    """
    outputs = [0] * pixels.n_classes
    for window in plan_tiles(Window(0, 0, pixels.rows, pixels.cols)):
        check_cancelled(progress)
        probabilities, _ = pixels.first_stage(window)
        numbers: Dict[Tuple[int, bytes], int] = {}
        pairs = [(output, row.tobytes()) for output, row in zip(outputs, probabilities)]
        outputs = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
        if len(numbers) == pixels.n_classes:
            break  # all are told apart already
    return tuple(outputs)


def merged(probabilities: NDArray[np.float32], outputs: Tuple[int, ...]) -> NDArray[np.float32]:
    """One row for classes that share an output: that of its likeliest, so that many names do not make a class likelier.

    Args:
        probabilities: (classes, …) float32, sum 1 or all 0.
        outputs: For each class the number of its output.

    Returns:
        (outputs, …) float32, sum 1 or all 0; ``probabilities`` itself where each class has an output of its own.
    """
    n_outputs = max(outputs) + 1
    if n_outputs == len(outputs):
        return probabilities
    found = np.zeros((n_outputs, *probabilities.shape[1:]), np.float32)
    for row, output in zip(probabilities, outputs):
        np.maximum(found[output], row, out=found[output])
    return _scaled(found)


def shared(
    by_output: NDArray[np.float32], outputs: Tuple[int, ...], first_stage: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Rank the classes of each output as the first stage does; the best of an output is as likely as the output.

    Args:
        by_output: (outputs, …) float32, probabilities of the outputs.
        outputs: For each class the number of its output.
        first_stage: (classes, …) float32; where all classes of an output have 0, they are alike.

    Returns:
        (classes, …) float32, sum 1 or all 0.
    """
    if len(by_output) == len(outputs):
        return by_output
    best = np.zeros_like(by_output)
    for row, output in zip(first_stage, outputs):
        np.maximum(best[output], row, out=best[output])
    rows = []
    for row, output in zip(first_stage, outputs):
        has_any = best[output] > 0.0
        rank = np.where(has_any, row / np.where(has_any, best[output], np.float32(1.0)), np.float32(1.0))
        rows.append(by_output[output] * rank)
    return _scaled(np.stack(rows))


def _scaled(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    total = weights.sum(axis=0)
    scaled: NDArray[np.float32] = weights / np.where(total > 0.0, total, np.float32(1.0))
    return scaled


class MergedPixels:
    """A scene whose inseparable classes are one.

    Args:
        pixels: The scene, with its first stage.
        outputs: For each class the number of its output, from ``find_outputs``.
    """

    def __init__(self, pixels: Pixels, outputs: Tuple[int, ...]) -> None:
        self._pixels, self.outputs = pixels, outputs
        self.rows, self.cols, self.n_bands = pixels.rows, pixels.cols, pixels.n_bands
        self.n_classes = max(outputs) + 1
        self.precedence: Optional[Sequence[int]] = _precedence(outputs, pixels)
        self.class_names = tuple(
            " / ".join(name for name, own in zip(pixels.class_names, outputs) if own == output)
            for output in range(self.n_classes)
        )

    def values(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Values and valid pixels of a window."""
        return self._pixels.values(window)

    def first_stage(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(outputs, rows, cols) float32 probabilities and (rows, cols) bool valid pixels of a window."""
        probabilities, valid = self._pixels.first_stage(window)
        return merged(probabilities, self.outputs), valid

    def sample(self, n_px: int, seed: int) -> NDArray[np.float32]:
        """Spectra of valid pixels spread over the scene."""
        return self._pixels.sample(n_px, seed)

    def by_class(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(classes, rows, cols) float32 probabilities of the first stage and (rows, cols) bool valid pixels."""
        return self._pixels.first_stage(window)

    def share(self, window: Window, by_output: NDArray[np.float32]) -> NDArray[np.float32]:
        """(classes, rows, cols) float32 probabilities of a window from those of the outputs."""
        return shared(by_output, self.outputs, self.by_class(window)[0])


def _precedence(outputs: Tuple[int, ...], pixels: Pixels) -> Tuple[int, ...]:
    """Outputs in the order in which equals win: that of their first members."""
    order = pixels.precedence if pixels.precedence is not None else range(pixels.n_classes)
    return tuple(dict.fromkeys(outputs[index] for index in order))
