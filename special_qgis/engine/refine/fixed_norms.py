# SPDX-License-Identifier: GPL-2.0-or-later
"""Group normalisation with the statistics of the scene that was learnt, for mapping other scenes.

Plain group normalisation takes means and variances from the image at hand, so that a pixel's probabilities depend on
what else is in the window: a window of water alone is stretched until it looks like a scene. A saved classifier keeps
the statistics of its training images instead, as batch normalisation does (Ioffe and Szegedy 2015).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple

import torch
from torch import nn

__all__ = ["FixedGroupNorm", "NormStatistics", "fix_norms", "recorded_norms"]

NormStatistics = Dict[str, Tuple[torch.Tensor, torch.Tensor]]  # module -> (groups,) means, (groups,) variances


class FixedGroupNorm(nn.Module):
    """Group normalisation by given means and variances.

    Args:
        norm: Group normalisation whose groups, scale and shift are taken over.
        mean: (groups,) float32, mean of each group.
        variance: (groups,) float32, variance of each group, 0 or more.
    """

    def __init__(self, norm: nn.GroupNorm, mean: torch.Tensor, variance: torch.Tensor) -> None:
        super().__init__()
        per_group = norm.num_channels // norm.num_groups
        spread = torch.sqrt(variance + norm.eps).repeat_interleave(per_group)
        factor = norm.weight.detach() / spread
        self.register_buffer("factor", factor)
        self.register_buffer("offset", norm.bias.detach() - factor * mean.repeat_interleave(per_group))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, …) of any size, each pixel by itself."""
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return x * self.get_buffer("factor").view(shape) + self.get_buffer("offset").view(shape)


class _Moments:
    """Running sums of one normalisation's input, group by group."""

    def __init__(self) -> None:
        self._n = 0
        self._sums: List[torch.Tensor] = []

    def add(self, norm: nn.GroupNorm, x: torch.Tensor) -> None:
        groups = x.detach().reshape(x.shape[0], norm.num_groups, -1).double().cpu()
        n, sums = groups.shape[0] * groups.shape[2], [groups.sum((0, 2)), (groups * groups).sum((0, 2))]
        self._sums = [a + b for a, b in zip(self._sums, sums)] if self._n else sums
        self._n += n

    def result(self) -> Tuple[torch.Tensor, torch.Tensor]:
        mean, square = (total / self._n for total in self._sums)
        return mean.float(), (square - mean * mean).clamp_min(0.0).float()


@contextmanager
def recorded_norms(network: nn.Module) -> Iterator[NormStatistics]:
    """Record the statistics of the normalisations' input while the context lasts; the result is filled at its end.

    Args:
        network: Network that runs inside the context on the images whose statistics are recorded.
    """
    found: NormStatistics = {}
    moments: Dict[str, _Moments] = {}
    handles = []
    for name, module in _norms(network):
        moments[name] = _Moments()

        def look(norm: Any, inputs: Tuple[torch.Tensor, ...], sums: _Moments = moments[name]) -> None:
            sums.add(norm, inputs[0])

        handles.append(module.register_forward_pre_hook(look))
    try:
        yield found
        found.update({name: sums.result() for name, sums in moments.items()})
    finally:
        for handle in handles:
            handle.remove()


def fix_norms(network: nn.Module, statistics: NormStatistics) -> None:
    """Replace a network's group normalisations, in place, by those with fixed statistics.

    Args:
        network: Network with its final weights; changed in place, and cannot be trained afterwards.
        statistics: Mean and variance, each (groups,) float32, of each normalisation by its name.

    Raises:
        KeyError: A normalisation has no entry.
        ValueError: An entry does not fit its normalisation.
    """
    for name, norm in list(_norms(network)):
        mean, variance = statistics[name]
        if not mean.shape == variance.shape == (norm.num_groups,) or bool((variance < 0.0).any()):
            raise ValueError(f"the statistics of {name} do not fit its {norm.num_groups} groups")
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, FixedGroupNorm(norm, mean, variance))


def _norms(network: nn.Module) -> Iterator[Tuple[str, nn.GroupNorm]]:
    return ((name, module) for name, module in network.named_modules() if isinstance(module, nn.GroupNorm))
