# SPDX-License-Identifier: GPL-2.0-or-later
"""Every backend of the selective scan against the plain loop in float64: values and all gradients, at odd sizes."""

from __future__ import annotations

from typing import List

import pytest

torch = pytest.importorskip("torch")

from special_qgis.engine.compute.compiled_kernels import has_numba
from special_qgis.engine.errors import ConfigError
from special_qgis.engine.mamba import SCAN_BACKENDS, choose_scan_backend, lanes_scan, scan, selective_scan

CPU = torch.device("cpu")
NAMES = ("y", "x", "delta", "a", "b", "c", "d")
SIZES = [
    pytest.param(1, 1, 1, 1, id="one-of-each"),
    pytest.param(2, 3, 16, 1, id="one-token"),
    pytest.param(3, 5, 16, 2, id="two-tokens"),
    pytest.param(1, 32, 16, 17, id="a-vector-and-one"),
    pytest.param(2, 9, 1, 1000, id="one-state"),
    pytest.param(1, 8, 16, 1000, id="long"),
    pytest.param(1, 4, 17, 130, id="states-beyond-a-vector"),
    pytest.param(33, 8, 16, 4, id="many-short"),
]
FAST = [
    pytest.param("lanes", torch.float64, 1e-12, id="lanes-float64"),
    pytest.param("lanes", torch.float32, 2e-6, id="lanes-float32"),
    pytest.param("numba", torch.float32, 5e-6, id="numba-float32"),
]


def scan_inputs(batch: int, channels: int, states: int, tokens: int, seed: int = 0) -> List[torch.Tensor]:
    """x, delta, a, b, c, d in float64; steps as small as the network's, so that memory is long."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    step = 10 ** (-3 + 2.5 * torch.rand(batch, channels, tokens, generator=generator, dtype=torch.float64))
    a = -torch.arange(1.0, states + 1, dtype=torch.float64).repeat(channels, 1)
    return (
        [normal(batch, channels, tokens), step, a] + [normal(batch, states, tokens) for _ in "bc"] + [normal(channels)]
    )


def value_and_gradients(backend: str, inputs: List[torch.Tensor], dtype: torch.dtype) -> List[torch.Tensor]:
    """Output and the gradient of every input for one fixed gradient of the output."""
    leaves = [value.to(dtype).clone().requires_grad_() for value in inputs]
    y = selective_scan(*leaves, backend=backend)
    y.backward(torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape).to(dtype))
    return [y.detach(), *(leaf.grad for leaf in leaves)]


def assert_close(found: List[torch.Tensor], expected: List[torch.Tensor], tolerance: float) -> None:
    """Largest error over the largest value, by tensor."""
    for name, one, other in zip(NAMES, found, expected):
        assert torch.isfinite(one).all(), name
        assert (one - other).abs().max() <= tolerance * max(float(other.abs().max()), 1e-6), name


@pytest.mark.parametrize(("backend", "dtype", "tolerance"), FAST)
@pytest.mark.parametrize(("batch", "channels", "states", "tokens"), SIZES)
def test_backend_at_odd_sizes_matches_plain_loop(
    backend: str, dtype: torch.dtype, tolerance: float, batch: int, channels: int, states: int, tokens: int
) -> None:
    if backend == "numba" and not has_numba():
        pytest.skip("Numba is not installed")
    inputs = scan_inputs(batch, channels, states, tokens)
    expected = value_and_gradients("reference", inputs, torch.float64)
    assert_close(value_and_gradients(backend, inputs, dtype), expected, tolerance)


@pytest.mark.parametrize(
    "values", [pytest.param(2 * 16 * 100, id="slabs-of-100"), pytest.param(1, id="token-by-token")]
)
def test_lanes_in_several_slabs_match_plain_loop(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = scan_inputs(3, 2, 16, 301)
    expected = value_and_gradients("reference", inputs, torch.float64)
    monkeypatch.setitem(lanes_scan.SLAB_VALUES, "cpu", values)
    assert_close(value_and_gradients("lanes", inputs, torch.float64), expected, 1e-12)


def test_numba_scan_with_decays_next_to_one_does_not_drift() -> None:
    pytest.importorskip("numba")
    inputs = scan_inputs(1, 2, 1, 20_000)
    inputs[1] = 1e-5 * (0.5 + inputs[1] / inputs[1].max())  # an error of one bit a token would grow to 1e-3
    inputs[0], inputs[3], inputs[4] = (torch.ones_like(inputs[i]) for i in (0, 3, 4))
    expected = value_and_gradients("lanes", inputs, torch.float64)
    assert_close(value_and_gradients("numba", inputs, torch.float32), expected, 2e-5)


def test_first_token_by_hand() -> None:
    x, delta, a, b, c, d = scan_inputs(1, 2, 3, 1)
    y = selective_scan(x, delta, a, b, c, d, "reference")
    assert torch.allclose(y[0, :, 0], (delta * x)[0, :, 0] * (b * c).sum() + d * x[0, :, 0])


def test_automatic_choice_with_numba_is_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "has_numba", lambda: True)
    assert choose_scan_backend(CPU, torch.float32) == "numba"


def test_automatic_choice_without_numba_is_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "has_numba", lambda: False)
    assert choose_scan_backend(CPU, torch.float32) == "lanes"


def test_automatic_choice_in_float64_is_lanes() -> None:
    assert choose_scan_backend(CPU, torch.float64) == "lanes"


def test_automatic_choice_on_cuda_prefers_mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "has_mamba_ssm", lambda: True)
    assert choose_scan_backend(torch.device("cuda"), torch.float32) == "mamba-ssm"


def test_automatic_choice_on_cuda_without_mamba_ssm_is_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "has_mamba_ssm", lambda: False)
    assert choose_scan_backend(torch.device("cuda"), torch.float32) == "lanes"


@pytest.mark.parametrize("name", list(SCAN_BACKENDS)[:2])
def test_wanted_backend_is_used(name: str) -> None:
    assert choose_scan_backend(CPU, torch.float32, name) == name


def test_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="must be one of automatic, reference, lanes, numba, mamba-ssm; got 'fast'"):
        choose_scan_backend(CPU, torch.float32, "fast")


def test_backend_that_cannot_work_here_is_refused() -> None:
    with pytest.raises(ConfigError, match="'mamba-ssm' cannot work on cpu"):
        choose_scan_backend(CPU, torch.float32, "mamba-ssm")


def test_numba_in_float64_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'numba' cannot work on cpu in torch\.float64"):
        choose_scan_backend(CPU, torch.float64, "numba")
