# SPDX-License-Identifier: GPL-2.0-or-later
"""The fused Mamba layer against the plain one in float64, its memory, its determinism, its parameters."""

from __future__ import annotations

import math
import tracemalloc
from typing import List, Sequence

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from special_qgis.engine.compute.compiled_kernels import has_numba
from special_qgis.engine.errors import ConfigError
from special_qgis.engine.mamba import Mamba, choose_layer_backend, scan
from tests.helpers import mamba_numpy

CPU = torch.device("cpu")
needs_numba = pytest.mark.skipif(not has_numba(), reason="Numba is not installed")
NAMES_OF_MAMBA_SSM = {
    "A_log": (32, 16),
    "D": (32,),
    "in_proj.weight": (64, 16),
    "conv1d.weight": (32, 1, 4),
    "conv1d.bias": (32,),
    "x_proj.weight": (33, 32),
    "dt_proj.weight": (32, 1),
    "dt_proj.bias": (32,),
    "out_proj.weight": (16, 32),
}
SIZES = [
    pytest.param(1, 1, 16, 16, id="one-token"),
    pytest.param(1, 2, 16, 16, id="shorter-than-the-convolution"),
    pytest.param(1, 17, 16, 16, id="a-vector-and-one"),
    pytest.param(1, 1000, 16, 16, id="long"),
    pytest.param(2, 4100, 16, 16, id="two-slabs-two-images"),
    pytest.param(1, 9000, 16, 1, id="one-state"),
    pytest.param(3, 33, 20, 5, id="rank-two"),
    pytest.param(33, 4, 4, 16, id="pixels"),
    pytest.param(20, 1, 4, 16, id="pixels-of-one-token"),
    pytest.param(64, 7, 6, 20, id="states-beyond-a-vector"),
    pytest.param(8200, 4, 4, 16, id="more-pixels-than-a-range"),
]


def layer(width: int, states: int, backend: str = "automatic", seed: int = 0) -> Mamba:
    """A layer with start weights of a seed."""
    torch.manual_seed(seed)
    return Mamba(width, d_state=states, backend=backend)


def tokens(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def value_and_gradients(mamba: Mamba, u: torch.Tensor) -> List[torch.Tensor]:
    """Output and the gradients of the input and of every parameter for one fixed gradient of the output."""
    u = u.clone().requires_grad_()
    mamba.zero_grad()
    y = mamba(u)
    y.backward(torch.sin(torch.arange(y.numel(), dtype=torch.float64) ** 1.1).reshape(y.shape).to(u.dtype))
    return [y.detach(), u.grad, *(parameter.grad.clone() for parameter in mamba.parameters())]


def plain_twin(mamba: Mamba, states: int) -> Mamba:
    """The specification in float64 with the same weights."""
    twin = Mamba(mamba.in_proj.in_features, d_state=states, backend="lanes").double()
    twin.load_state_dict(mamba.state_dict())
    return twin


@needs_numba
@pytest.mark.parametrize(("batch", "length", "width", "states"), SIZES)
def test_fused_layer_matches_plain_layer_in_values_and_gradients(
    batch: int, length: int, width: int, states: int
) -> None:
    mamba, u = layer(width, states, "fused"), tokens(batch, length, width)
    found = value_and_gradients(mamba, u)
    expected = value_and_gradients(plain_twin(mamba, states), u.double())
    names = ["y", "u", *(name for name, _ in mamba.named_parameters())]
    for name, one, other in zip(names, found, expected):
        assert (one - other).abs().max() <= 1e-5 * max(float(other.abs().max()), 1e-6), name


@pytest.mark.parametrize("backend", ["reference", "lanes", pytest.param("automatic", id="automatic")])
def test_layer_matches_numpy_formulae(backend: str) -> None:
    mamba, u = layer(16, 16, backend), tokens(1, 23, 16)
    state = {name: value.double().numpy() for name, value in mamba.state_dict().items()}
    expected = mamba_numpy.mamba(state, u[0].double().numpy())
    assert np.abs(mamba(u)[0].detach().numpy() - expected).max() < 1e-6 * np.abs(expected).max() + 1e-7


@needs_numba
@pytest.mark.parametrize(
    ("module", "shape"),
    [pytest.param("long_sequences", (2, 300, 16), id="long"), pytest.param("short_sequences", (50, 4, 4), id="short")],
)
def test_fused_layer_never_reads_memory_that_it_did_not_write(
    module: str, shape: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    mamba, u = layer(shape[2], 16, "fused"), tokens(*shape)
    expected = value_and_gradients(mamba, u)
    poison = lambda size: np.full(tuple(size), np.nan, np.float32)  # noqa: E731
    monkeypatch.setattr(f"special_qgis.engine.mamba.{module}.empty", poison)
    for one, other in zip(value_and_gradients(mamba, u), expected):
        assert torch.equal(one, other)


@needs_numba
@pytest.mark.parametrize("length", [128, 129, 300, 384])
def test_fused_layer_in_several_slabs_matches_plain_layer(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("special_qgis.engine.mamba.long_sequences.SLAB", 128)
    monkeypatch.setattr("special_qgis.engine.mamba.long_sequences.PART", 32)
    mamba, u = layer(16, 16, "fused"), tokens(1, length, 16)
    expected = value_and_gradients(plain_twin(mamba, 16), u.double())
    for one, other in zip(value_and_gradients(mamba, u), expected):
        assert (one - other).abs().max() <= 1e-5 * float(other.abs().max())


@needs_numba
@pytest.mark.parametrize("shape", [pytest.param((1, 9001, 16), id="long"), pytest.param((20_000, 4, 4), id="short")])
def test_fused_layer_is_the_same_to_the_bit_for_any_number_of_threads(shape: Sequence[int]) -> None:
    mamba, u = layer(shape[2], 16, "fused"), tokens(*shape)
    before = torch.get_num_threads()
    try:
        results = []
        for n_threads in (1, 2, 3, 2):
            torch.set_num_threads(n_threads)
            results.append(value_and_gradients(mamba, u))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other))


def scratch_bytes(mamba: Mamba, u: torch.Tensor) -> int:
    """Peak of NumPy's memory in a step, beyond output, gradient and what is kept between the two passes."""
    u = u.clone().requires_grad_()
    tracemalloc.start()
    try:
        y = mamba(u)
        kept = tracemalloc.get_traced_memory()[0]
        y.backward(torch.ones_like(y))
        return tracemalloc.get_traced_memory()[1] - kept - 4 * u.numel()
    finally:
        tracemalloc.stop()


@needs_numba
@pytest.mark.parametrize(
    ("small", "large"),
    [
        pytest.param((1, 16, 1 << 15), (1, 16, 1 << 17), id="long"),
        pytest.param((4, 4, 1 << 15), (4, 4, 1 << 17), id="short"),
    ],
)
def test_fused_layer_needs_no_more_scratch_memory_for_longer_input(small: Sequence[int], large: Sequence[int]) -> None:
    order = (0, 2, 1) if small[0] == 1 else (2, 0, 1)  # as the network hands its images over
    mamba = layer(small[1], 16, "fused")
    scratch_bytes(mamba, tokens(*small).permute(order))
    few, many = (scratch_bytes(mamba, tokens(*shape).permute(order)) for shape in (small, large))
    assert many < few + 4_000_000 + 4 * 16 * (1 << 17)  # one more copy: the gradient of the output


def test_state_dict_has_names_and_shapes_of_mamba_ssm() -> None:
    assert {name: tuple(value.shape) for name, value in layer(16, 16).state_dict().items()} == NAMES_OF_MAMBA_SSM


def test_start_weights_follow_the_published_formulae() -> None:
    mamba = Mamba(256)
    step = torch.nn.functional.softplus(mamba.dt_proj.bias.detach())
    assert torch.allclose(torch.exp(mamba.A_log), torch.arange(1.0, 17).expand(512, 16))
    assert torch.equal(mamba.D, torch.ones(512))
    assert 1e-3 * 0.999 <= step.min() < 2e-3 and 5e-2 < step.max() <= 1e-1 * 1.001
    assert abs(float(torch.log(step).mean()) - (math.log(1e-3) + math.log(1e-1)) / 2) < 0.3
    assert 0.2 < mamba.dt_proj.weight.abs().max() <= 16**-0.5


def test_layer_backend_without_numba_is_lanes_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    mamba, u = layer(16, 16), tokens(1, 40, 16)
    expected = mamba(u)
    monkeypatch.setattr(scan, "has_numba", lambda: False)
    assert choose_layer_backend(CPU, torch.float32) == "lanes"
    assert torch.allclose(mamba(u), expected, atol=1e-6)


@needs_numba
def test_layer_backend_with_numba_is_fused() -> None:
    assert choose_layer_backend(CPU, torch.float32) == "fused"


def test_fused_backend_in_float64_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot work on cpu in torch\.float64"):
        choose_layer_backend(CPU, torch.float64, "fused")


@needs_numba
def test_fused_layer_takes_any_memory_order() -> None:
    mamba, u = layer(16, 16, "fused"), tokens(2, 16, 50).transpose(1, 2)
    assert torch.equal(mamba(u), mamba(u.contiguous()))
