# SPDX-License-Identifier: GPL-2.0-or-later
"""Vectors in compiled code, small products over columns, and where compiled code is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
import pytest

pytest.importorskip("torch")
from special_qgis.engine import compiled_kernels

if not compiled_kernels.has_numba():
    pytest.skip("Numba is not installed", allow_module_level=True)

from numba import njit

from special_qgis.engine.mamba import simd, tile_kernels

FOLDER = Path(compiled_kernels.__file__).parent


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def compiled(function: Callable[..., object]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of one vector, applied to an array whose size is a multiple of sixteen."""
    load, store = simd.load, simd.store

    @njit
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


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (33, 8), (6, 1)], ids=str)
def test_products_over_columns_match_numpy(shape: tuple) -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=shape).astype(np.float32)
    source, before = (rng.normal(size=(n, 64)).astype(np.float32) for n in (shape[1], shape[0]))
    target, added, total = before.copy(), before.copy(), np.ones(shape, np.float32)
    tile_kernels.project(weight, source, target, 16, 48, False)
    tile_kernels.project(weight, source, added, 16, 48, True)
    tile_kernels.correlate(before, source, 16, 48, total)
    outside = np.r_[0:16, 48:64]
    assert np.allclose(target[:, 16:48], (weight @ source)[:, 16:48], atol=1e-5)
    assert np.allclose(added[:, 16:48], (before + weight @ source)[:, 16:48], atol=1e-5)
    assert np.array_equal(target[:, outside], before[:, outside])
    assert np.allclose(total, 1.0 + before[:, 16:48] @ source[:, 16:48].T, atol=1e-4)


def test_cache_folder_depends_on_every_module_with_compiled_code() -> None:
    compiled_modules = {
        path.relative_to(FOLDER).with_suffix("").as_posix()
        for path in FOLDER.rglob("*.py")
        if {"@njit", "@intrinsic"} & set(path.read_text().replace("(", "\n").split())
    }
    assert compiled_modules == set(compiled_kernels.KERNEL_MODULES)


def test_cache_folder_is_below_the_named_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECIAL_CACHE", str(tmp_path))
    assert compiled_kernels.kernel_cache_folder().parent == tmp_path / "kernels"


def test_cache_that_cannot_be_made_falls_back_to_a_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made = compiled_kernels._writable(tmp_path / "file" / "kernels")
    assert made.is_dir() and tmp_path not in made.parents
    made.rmdir()
