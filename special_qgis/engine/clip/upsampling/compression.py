# SPDX-License-Identifier: GPL-2.0-or-later
"""Features reduced to what cosines with a few text embeddings need, before they are upsampled.

Upsampling is one linear map of space, the same for all channels, and a cosine needs but two things of a pixel's
feature: its products with the text, and its length. So the products are taken per patch and upsampled as maps; and
the length is that of the feature in any coordinates of the patches' span. With the last convolution folded in,
F' = F (I + 0.1 W)ᵀ = P S Vᵀ, and Z = P S has no more channels than there are patches. Without loss Z is any square root
of F' F'ᵀ, which P S is up to a rotation; with a tolerance the smallest singular values are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import torch

from .steps import CORRECTION
from .weights import JbuWeights

__all__ = ["Compressed", "compress"]


@dataclass(frozen=True)
class Compressed:
    """Maps over patches to be upsampled, and what turns them into cosines."""

    maps: torch.Tensor  # (batch, queries + 1 + rank, rows, cols): F' t of each query, F' b, then Z
    n_queries: int
    text_offset: torch.Tensor  # (queries,) 0.1 t·b
    length_offset: float  # 0.01 ‖b‖²

    @property
    def rank(self) -> int:
        """Channels that lengths are computed from."""
        return int(self.maps.shape[1]) - self.n_queries - 1


def compress(
    features: torch.Tensor, queries: torch.Tensor, weights: Optional[JbuWeights] = None, tolerance: float = 0.0
) -> Compressed:
    """Reduce the features of patches.

    Args:
        features: (batch, dimensions, rows, cols), float64, float32 or a shorter type.
        queries: (queries, dimensions) float32, text embeddings of unit length.
        weights: Weights of the upsampler whose last convolution is folded in; None = it has none.
        tolerance: Relative error of a feature's length, so of a cosine, that is allowed at every patch; 0 = exact.

    Returns:
        Maps in the features' type, float32 at least.
    """
    work = features if features.dtype == torch.float64 else features.float()
    batch, _, rows, cols = work.shape
    patches = work.flatten(2).transpose(1, 2)
    text = queries.to(work.device, work.dtype)
    bias = torch.zeros(1, work.shape[1], dtype=work.dtype, device=work.device)
    if weights is not None:
        bias = weights.fix_bias.to(work.device, work.dtype)[None]
        patches = patches + CORRECTION * (patches @ weights.fix.to(work.device, work.dtype).T)
    products = patches @ torch.cat([text, bias]).T
    maps = torch.cat([products, _square_root(patches, tolerance).to(work.dtype)], dim=2)
    return Compressed(
        maps.transpose(1, 2).reshape(batch, -1, rows, cols),
        int(text.shape[0]),
        CORRECTION * (text @ bias[0]),
        CORRECTION**2 * float(bias.square().sum()),
    )


def _square_root(patches: torch.Tensor, tolerance: float) -> torch.Tensor:
    """Z with Z Zᵀ = patches patchesᵀ, up to the tolerance: (batch, patches, rank)."""
    n_patches, dimensions = int(patches.shape[1]), int(patches.shape[2])
    if tolerance <= 0.0:
        return patches if n_patches >= dimensions else _exact_root(patches)
    if n_patches >= dimensions:
        _, axes = torch.linalg.eigh(patches.transpose(1, 2).double() @ patches.double())
        root = patches.double() @ axes.flip(2)
    else:
        root = _eigen_root(patches)
    return _drop_small(root, tolerance)


def _exact_root(patches: torch.Tensor) -> torch.Tensor:
    wide = patches.double()
    gram = wide @ wide.transpose(1, 2)
    lower, failed = torch.linalg.cholesky_ex(gram)
    if bool((failed != 0).any()):  # patches that are combinations of others, as in a scene of one colour
        return _eigen_root(patches)
    root: torch.Tensor = lower
    return root


def _eigen_root(patches: torch.Tensor) -> torch.Tensor:
    """P S of the singular value decomposition, largest first; from the Gram matrix, which is the smaller one."""
    wide = patches.double()
    values, axes = torch.linalg.eigh(wide @ wide.transpose(1, 2))
    root: torch.Tensor = (axes * values.clamp_min(0.0).sqrt()[:, None, :]).flip(2)
    return root


def _drop_small(root: torch.Tensor, tolerance: float) -> torch.Tensor:
    """Leave out the last channels of each image as long as no patch loses more of its length than the tolerance.

    A share e of the square that is lost shortens the rest by the factor √(1 − e). Each image keeps its own rank,
    whatever it is computed beside.
    """
    energy = root.square()
    total = energy.sum(2, keepdim=True).clamp_min(torch.finfo(root.dtype).tiny)
    lost = 1.0 - energy.cumsum(2) / total
    allowed = 1.0 - (1.0 - tolerance) ** 2
    ranks = (lost > allowed).any(dim=1).sum(dim=1) + 1  # (batch,)
    keep = torch.arange(root.shape[2], device=root.device) < ranks[:, None]
    return (root * keep[:, None, :])[:, :, : int(ranks.max())]
