# SPDX-License-Identifier: GPL-2.0-or-later
"""Vectors in compiled code, and sums of their products."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

from special_qgis.engine.compute import compiled_kernels

torch = pytest.importorskip("torch")
if not compiled_kernels.has_numba():
    pytest.skip("Numba is not installed", allow_module_level=True)

numba = pytest.importorskip("numba")
simd = pytest.importorskip("special_qgis.engine.compute.simd")
simd_products = pytest.importorskip("special_qgis.engine.compute.simd_products")

LANES = simd.N_LANES


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def compiled(function: Callable[..., object]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of one vector, applied to an array whose size is a multiple of sixteen."""
    load, store = simd.load, simd.store

    @numba.njit
    def apply(values, made):  # type: ignore[no-untyped-def]
        for index in range(0, values.size, 16):
            store(made, index, function(load(values, index)))

    def call(values: np.ndarray) -> np.ndarray:
        made = np.full_like(values, np.nan)
        apply(values, made)
        return made

    return call


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        pytest.param(simd.exp2, np.exp2, id="exp2"),
        pytest.param(simd.sigmoid, sigmoid, id="sigmoid"),
        pytest.param(simd.silu, lambda x: x * sigmoid(x), id="silu"),
        pytest.param(simd.silu_slope, lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))), id="silu-slope"),
        pytest.param(simd.softplus, lambda x: np.logaddexp(0.0, x), id="softplus"),
    ],
)
def test_vector_function_matches_float64(
    function: Callable[..., object], exact: Callable[[np.ndarray], np.ndarray]
) -> None:
    x = np.concatenate([np.linspace(-60, 60, 16_000), np.geomspace(1e-9, 1, 800), -np.geomspace(1e-9, 1, 800)])
    x = x.astype(np.float32)
    expected = exact(x.astype(np.float64))
    assert np.allclose(compiled(function)(x), expected, rtol=4e-6, atol=3e-7 if function is simd.silu_slope else 1e-30)


def test_exp2_is_exact_at_zero_and_held_at_its_limits() -> None:
    x = np.array([0.0, -0.0, 1.0, -1.0, 500.0, -500.0, 126.0, -126.0] * 2, np.float32)
    expected = np.exp2(np.clip(x.astype(np.float64), -126, 126))
    assert np.array_equal(compiled(simd.exp2)(x)[:2], expected[:2])
    assert np.allclose(compiled(simd.exp2)(x), expected, rtol=1e-6)


def packed(pairs: np.ndarray) -> np.ndarray:
    """Pairs (…, 2) float32 as words of two bfloat16, rounded by PyTorch."""
    bits = torch.from_numpy(pairs).bfloat16().view(torch.int16).numpy().view(np.uint16).astype(np.uint32)
    return np.ascontiguousarray(bits[..., 0] | bits[..., 1] << 16)


@pytest.mark.parametrize("dtype", [np.float32, np.uint32], ids=["float32", "packed"])
@pytest.mark.parametrize(("n_rows", "n_vectors"), [(11, 2), (4, 3), (1, 1)], ids=str)
def test_sums_of_products_match_numpy(n_rows: int, n_vectors: int, dtype: Any) -> None:
    n_outer, n_inner = 3, 7  # pairs
    rng = np.random.default_rng(0)
    scalars = rng.normal(size=(n_outer, n_inner, n_rows, 2)).astype(np.float32)
    values = rng.normal(size=(n_outer, n_inner, n_vectors * LANES, 2)).astype(np.float32)
    if dtype == np.float32:
        held = [np.ascontiguousarray(array.transpose(0, 1, 3, 2)) for array in (scalars, values)]
    else:
        held = [packed(array) for array in (scalars, values)]
        scalars, values = (torch.from_numpy(array).bfloat16().float().numpy() for array in (scalars, values))
    words = 2 if dtype == np.float32 else 1
    product_sums, inner = simd_products.product_sums(n_rows, n_vectors), n_inner * words

    @numba.njit
    def apply(a, b, target):  # type: ignore[no-untyped-def]
        run = n_vectors * LANES
        product_sums(a, 0, n_rows, n_rows * inner, b, 0, LANES, run, run * inner, inner, n_outer, target, LANES)

    target = np.full((n_rows * n_vectors + 2) * LANES, 7.0, np.float32)
    apply(held[0].ravel(), held[1].ravel(), target)
    expected = np.einsum("oirw,oivw->rv", scalars.astype(np.float64), values)
    np.testing.assert_allclose(target[LANES:-LANES].reshape(expected.shape), expected, atol=2e-5)
    assert (target[:LANES] == 7.0).all()
    assert (target[-LANES:] == 7.0).all()


def test_pairs_are_rounded_as_pytorch_does() -> None:
    store_pair, load = simd_products.store_pair, simd.load

    @numba.njit
    def apply(values, target):  # type: ignore[no-untyped-def]
        store_pair(target, 0, load(values, 0), load(values, LANES), LANES)

    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, LANES)).astype(np.float32)
    values[:, :6] = np.array([0.0, -0.0, 1.00390625, 1.01171875, 3.0e38, 1e-30])  # ties, large and small
    words, floats = np.empty(LANES, np.uint32), np.empty(2 * LANES, np.float32)
    apply(values.ravel(), words)
    apply(values.ravel(), floats)
    np.testing.assert_array_equal(words, packed(values.T))
    np.testing.assert_array_equal(floats, values.ravel())


def test_interleaved_lanes_alternate() -> None:
    first, last, load, store = simd_products.interleave_first, simd_products.interleave_last, simd.load, simd.store

    @numba.njit
    def apply(values, target):  # type: ignore[no-untyped-def]
        store(target, 0, first(load(values, 0), load(values, LANES)))
        store(target, LANES, last(load(values, 0), load(values, LANES)))

    values, target = np.arange(2 * LANES, dtype=np.float32), np.empty(2 * LANES, np.float32)
    apply(values, target)
    np.testing.assert_array_equal(target, values.reshape(2, LANES).T.ravel())
