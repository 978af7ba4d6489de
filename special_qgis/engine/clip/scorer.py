# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores of windows: from pixels of a batch of windows to the cosine of every pixel with every query.

``s = cos(f, t) − w · cos(c, t)`` with the upsampled feature f of a pixel, the class token c of its window, a query t
and the published w = 0.3. Where memory does not suffice, fewer windows are computed at once, one at last, then on the
CPU.

Source: Li et al. 2024, SegEarth-OV, arXiv 2410.01768, section 3.3, as SPECIAL (arXiv 2501.16222) uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..compute.compiled_kernels import has_numba
from ..compute.devices import is_out_of_memory
from ..errors import CompileError, ConfigError, EngineError
from ..progress import Progress, check_cancelled
from .compilation import compiled_features
from .dense import dense_features
from .loaded_clip import ImageTower
from .precision import choose_batch, choose_precision, prepare_tower
from .scoring_options import ScoringOptions
from .tower import check_tower, is_compiled, patch_px, uncompiled
from .upsampling import Bilateral, Bilinear, JbuWeights, KernelPool, Learned, Upsampler, compress, cosines

__all__ = ["Placement", "WindowScorer"]

COMPILED_TOGETHER = 4  # windows upsampled at once on a CPU, for its threads; plain code takes one, for its caches


@dataclass(frozen=True)
class Placement:
    """Where windows lie, so that those that overlap need not make the same kernels again."""

    image: int  # number of the image
    cols: int  # of the image
    corners: Tuple[Tuple[int, int], ...]  # row and column of each window, rows never falling from call to call

    def part(self, part: slice) -> Placement:
        """That of some of the windows."""
        return Placement(self.image, self.cols, self.corners[part])


class WindowScorer:
    """Scores batches of windows.

    Args:
        tower: Image tower of an open_clip model; it is left as it is.
        queries: (queries, dimensions) float32, of unit length.
        options: Upsampler, device, precision, tolerance, share of the class token, batch, whether to compile.
        window: Rows and columns of a window in pixels.
        progress: Receives warnings where memory does not suffice or the tower cannot be compiled; checked for cancel
            between the tower's blocks and before upsampling.

    Raises:
        ConfigError: The tower is not such a ViT, or does not fit the queries or the upsampler.
    """

    def __init__(
        self,
        tower: ImageTower,
        queries: NDArray[np.float32],
        options: ScoringOptions,
        window: Tuple[int, int],
        progress: Progress,
    ) -> None:
        config, visual = options.config, tower.visual
        check_tower(visual)
        self.kind, self.uses_spectra = options.upsampler.kind, options.upsampler.uses_spectra
        self._weights = options.upsampler.weights
        _check_dimensions(visual, queries, self._weights)
        self._source, self._config, self._progress, self._window = tower, config, progress, window
        self.is_compiled = config.compile or is_compiled(visual)
        self._queries, self._precision = torch.from_numpy(queries), config.precision
        self.batch = choose_batch(config.batch, visual, window, options.device)
        self._move(options.device)

    @property
    def n_queries(self) -> int:
        """Number of queries."""
        return int(self._queries.shape[0])

    def _move(self, device: torch.device) -> None:
        """Take the tower and all that is computed with to a device."""
        self._pools: Dict[int, KernelPool] = {}
        self.device, self.dtype = device, choose_precision(self._precision, device)
        self._tower = prepare_tower(self._source.visual, device, self.dtype)
        self._queries = self._queries.to(device)
        if self._weights is not None:
            self._weights = self._weights.to(device, torch.float32)
        self._mean, self._std = (
            torch.tensor(of_colours, device=device)[:, None, None]
            for of_colours in (self._source.mean, self._source.std)
        )

    def score(
        self,
        images: NDArray[np.float32],
        guides: Optional[NDArray[np.float32]] = None,
        placement: Optional[Placement] = None,
    ) -> NDArray[np.float32]:
        """Score windows.

        Args:
            images: (windows, 3, rows, cols) float32 in [0, 1], sides whole patches.
            guides: (windows, components, rows, cols) float32; None = the images guide.
            placement: Where the windows lie; None = they have nothing in common.

        Returns:
            (windows, queries, rows, cols) float32.

        Raises:
            ConfigError: The model gives values that are not finite.
            EngineError: Memory does not suffice even for one window on the CPU.
            Cancelled: The user cancelled.
        """
        found = []
        start = 0
        while start < len(images):
            part = slice(start, start + self.batch)
            try:
                found.append(
                    self._score_batch(
                        images[part],
                        None if guides is None else guides[part],
                        None if placement is None else placement.part(part),
                    )
                )
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(error)
                continue
            start += len(found[-1])
        return np.concatenate(found)

    def _shrink(self, error: BaseException) -> None:
        """Use less memory from now on, and forget kernels, which may be half made."""
        self._pools.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self._progress.info(f"Memory does not suffice; {self.batch} windows at once are tried.")
        elif self.device.type != "cpu":
            self._progress.warn("The GPU's memory does not suffice for one window; the CPU goes on, much slower.")
            self._move(torch.device("cpu"))
        else:
            raise EngineError(
                "Memory does not suffice for one window of the CLIP stage.",
                "Close other programs, or choose a smaller window or a smaller model.",
            ) from error

    @torch.inference_mode()
    def _score_batch(
        self, images: NDArray[np.float32], guides: Optional[NDArray[np.float32]], placement: Optional[Placement]
    ) -> NDArray[np.float32]:
        batch = (torch.from_numpy(images).to(self.device) - self._mean) / self._std
        features, first = self._finite_features(batch)
        offsets = self._config.cls_debias * functional.normalize(first.float(), dim=1) @ self._queries.T
        guide = batch if guides is None else torch.from_numpy(guides).to(self.device)
        n_together = len(batch) if self.device.type == "cuda" else COMPILED_TOGETHER if has_numba() else 1
        out = np.empty((len(batch), len(self._queries), *batch.shape[2:]), np.float32)
        for start in range(0, len(batch), n_together):
            check_cancelled(self._progress)
            part = slice(start, start + n_together)
            scores = self._cosines(features[part].float(), guide[part], placement and placement.part(part))
            out[part] = (scores - offsets[part, :, None, None]).cpu().numpy()
        return out

    def _finite_features(self, batch: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Features of patches and class tokens; where half precision overflows, all goes on in float32."""
        features, first = self._features(batch)
        if bool(torch.isfinite(features).all()):
            return features, first
        if self.dtype == torch.float32:
            raise ConfigError(
                "The model's image tower gives values that are not finite.",
                "The checkpoint is damaged or belongs to another architecture; import it again.",
            )
        self._progress.warn(f"The model's numbers are too large for {self.dtype}; float32 is used, slower.")
        self._precision = "float32"
        self._move(self.device)
        return self._finite_features(batch)

    def _features(self, batch: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """By the compiled tower where that is wanted; once it cannot be compiled, by the tower as it is."""
        if self.is_compiled:
            try:
                return compiled_features(self._tower, batch, self._check_cancelled)
            except CompileError as error:
                self._progress.warn(f"{error} The stage goes on uncompiled, with the same result.")
                self.is_compiled = False
        return dense_features(uncompiled(self._tower), batch, between_blocks=self._check_cancelled)

    def _check_cancelled(self) -> None:
        check_cancelled(self._progress)

    def _cosines(self, features: torch.Tensor, guide: torch.Tensor, placement: Optional[Placement]) -> torch.Tensor:
        """Cosines of every pixel: (windows, queries, rows, cols)."""
        grid = (int(features.shape[2]), int(features.shape[3]))
        compressed = compress(features, self._queries, self._weights, self._config.tolerance)
        corners = None if placement is None else placement.corners
        found = cosines(compressed, self._upsampler().plan(guide, grid), self._pool(placement), corners)
        size = (int(guide.shape[2]), int(guide.shape[3]))
        if tuple(found.shape[2:]) != size:  # patches whose side is no power of two
            found = functional.interpolate(found, size=size, mode="bilinear", align_corners=False)
        return found

    def _pool(self, placement: Optional[Placement]) -> Optional[KernelPool]:
        """Where kernels are kept; where features are rounded to bfloat16, kernels and sources are too."""
        if self.device.type != "cpu" or not has_numba():
            return None
        packed = self.dtype == torch.bfloat16
        if placement is None:
            return KernelPool(packed)
        if placement.image not in self._pools:
            self._pools[placement.image] = KernelPool(packed, self._window, placement.cols)
        return self._pools[placement.image]

    def _upsampler(self) -> Upsampler:
        if self.kind == "bilinear":
            return Bilinear()
        factor = max(patch_px(self._source.visual))
        if self._weights is not None:
            return Learned(self._weights, self._weights.n_steps(factor))
        return Bilateral(steps_to(factor))


def steps_to(factor: int) -> int:
    """Steps by two that reach a factor."""
    return max(1, (factor - 1).bit_length())


def _check_dimensions(visual: Any, queries: NDArray[np.float32], weights: Optional[JbuWeights]) -> None:
    dimensions = int(visual.proj.shape[1])
    others: Sequence[Tuple[str, int]] = [("text embeddings", queries.shape[1])]
    if weights is not None:
        others = [*others, ("upsampler's weights", weights.dimensions)]
    for what, found in others:
        if found != dimensions:
            raise ConfigError(
                f"The {what} have {found} dimensions; the model's image features have {dimensions}.",
                "Choose files that belong to the same model.",
            )
