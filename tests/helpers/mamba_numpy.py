# SPDX-License-Identifier: GPL-2.0-or-later
"""MambaHSI's forward pass in NumPy and float64, from the formulae alone: no PyTorch, no code of the engine."""

from __future__ import annotations

from typing import Dict, Tuple

import numpy as np

State = Dict[str, np.ndarray]
EPSILON = 1e-5  # of the group normalisation


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1.0 + np.exp(-x))


def part(state: State, prefix: str) -> State:
    """Entries below a prefix, without it."""
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}


def mamba(state: State, u: np.ndarray) -> np.ndarray:
    """One sequence (tokens, width) through a Mamba layer."""
    n_tokens = len(u)
    n_inner, n_states = state["A_log"].shape
    taps = state["conv1d.weight"][:, 0]
    both = u @ state["in_proj.weight"].T
    x, z = both[:, :n_inner], both[:, n_inner:]
    past = np.concatenate([np.zeros((taps.shape[1] - 1, n_inner)), x])
    x = silu(np.stack([(past[t : t + taps.shape[1]] * taps.T).sum(0) for t in range(n_tokens)]) + state["conv1d.bias"])
    projected = x @ state["x_proj.weight"].T
    rank = projected.shape[1] - 2 * n_states
    b, c = projected[:, rank : rank + n_states], projected[:, rank + n_states :]
    delta = np.log1p(np.exp(projected[:, :rank] @ state["dt_proj.weight"].T + state["dt_proj.bias"]))
    h, y = np.zeros((n_inner, n_states)), np.zeros((n_tokens, n_inner))
    for t in range(n_tokens):
        h = np.exp(-delta[t][:, None] * np.exp(state["A_log"])) * h + (delta[t] * x[t])[:, None] * b[t]
        y[t] = h @ c[t] + state["D"] * x[t]
    return (y * silu(z)) @ state["out_proj.weight"].T


def group_norm(state: State, x: np.ndarray, groups: int = 4) -> np.ndarray:
    """Normalise each quarter of the channels of (channels, rows, cols)."""
    grouped = x.reshape(groups, -1)
    centred = grouped - grouped.mean(1, keepdims=True)
    scaled = (centred / np.sqrt((centred**2).mean(1, keepdims=True) + EPSILON)).reshape(x.shape)
    return scaled * state["weight"][:, None, None] + state["bias"][:, None, None]


def convolve(state: State, x: np.ndarray) -> np.ndarray:
    """Convolution of (channels, rows, cols) that keeps the size."""
    weight = state["weight"]
    reach = weight.shape[2] // 2
    rows, cols = x.shape[1:]
    wide = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    total = np.zeros((len(weight), rows, cols)) + state["bias"][:, None, None]
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            total += np.tensordot(weight[:, :, i, j], wide[:, i : i + rows, j : j + cols], 1)
    return total


def block(state: State, x: np.ndarray) -> np.ndarray:
    """Both Mambas of a block, mixed."""
    channels = len(x)
    sequence = x.reshape(channels, -1).T
    spatial = mamba(part(state, "spatial.mamba."), sequence).T.reshape(x.shape)
    pixels = [mamba(part(state, "spectral.mamba."), pixel.reshape(4, channels // 4)).ravel() for pixel in sequence]
    spectral = np.array(pixels).T.reshape(x.shape)
    spatial = silu(group_norm(part(state, "spatial.norm."), spatial)) + x
    spectral = silu(group_norm(part(state, "spectral.norm."), spectral)) + x
    share = np.exp(state["mixture"]) / np.exp(state["mixture"]).sum()
    return share[0] * spatial + share[1] * spectral + x


def pool(x: np.ndarray) -> np.ndarray:
    """Mean of each 2 × 2 pixels."""
    channels, rows, cols = x.shape
    return x.reshape(channels, rows // 2, 2, cols // 2, 2).mean((2, 4))


def interpolation(n: int, enlarged: int) -> np.ndarray:
    """(enlarged, n) weights of linear interpolation with the end points on each other."""
    place = np.linspace(0, n - 1, enlarged)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(n)))


def upsample(x: np.ndarray, factor: int = 4) -> np.ndarray:
    rows, cols = x.shape[1:]
    return interpolation(rows, factor * rows) @ x @ interpolation(cols, factor * cols).T


def logits(state: State, cube: np.ndarray) -> np.ndarray:
    """(classes, rows, cols) from (bands, rows, cols); sides are multiples of four."""

    def layer(name: str) -> Tuple[State, ...]:
        return (part(state, f"{name}."),)

    x = silu(group_norm(*layer("embedding.1"), convolve(*layer("embedding.0"), cube)))
    x = block(*layer("blocks.0"), x)
    x = block(*layer("blocks.1"), pool(x))
    x = block(*layer("blocks.2"), pool(x))
    x = silu(group_norm(*layer("smooth.1"), convolve(*layer("smooth.0"), upsample(x))))
    x = np.concatenate([x, convolve(*layer("detail"), cube)])
    x = silu(group_norm(*layer("head.1"), convolve(*layer("head.0"), x)))
    return convolve(*layer("head.3"), x)
