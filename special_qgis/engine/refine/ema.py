# SPDX-License-Identifier: GPL-2.0-or-later
"""Running mean of a network's weights: the map is made with it, so that no epoch has to be chosen.

Source: Polyak and Juditsky 1992; exponential form with the start-up correction of Adam (Kingma and Ba 2015).
"""

from __future__ import annotations

from typing import Dict

import torch


class WeightAverage:
    """Exponential running mean of parameters and floating-point buffers.

    Args:
        network: Network whose weights are averaged; not changed.
        decay: Share of the old mean kept at an update, in [0, 1); 0 keeps the last weights.
    """

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self._network = network
        self._decay = decay
        self._n_updates = 0
        self._sums = {
            name: torch.zeros_like(value) for name, value in network.state_dict().items() if value.is_floating_point()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Add the network's present weights to the mean."""
        self._n_updates += 1
        state = self._network.state_dict()
        for name, total in self._sums.items():
            total.mul_(self._decay).add_(state[name], alpha=1.0 - self._decay)

    def weights(self) -> Dict[str, torch.Tensor]:
        """A state dictionary with the mean weights; those of the network where ``update`` was not called yet."""
        state = {name: value.clone() for name, value in self._network.state_dict().items()}
        if self._n_updates:
            correction = 1.0 - self._decay**self._n_updates
            state.update({name: total / correction for name, total in self._sums.items()})
        return state
