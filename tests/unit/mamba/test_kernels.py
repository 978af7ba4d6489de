# SPDX-License-Identifier: GPL-2.0-or-later
"""Small products over columns in compiled code, and where compiled code is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from special_qgis.engine.compute import compiled_kernels

if not compiled_kernels.has_numba():
    pytest.skip("Numba is not installed", allow_module_level=True)

from special_qgis.engine.mamba import tile_kernels

FOLDER = Path(compiled_kernels.__file__).parents[1]


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
    assert compiled_modules <= set(compiled_kernels.KERNEL_MODULES)


def test_cache_folder_is_below_the_named_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECIAL_CACHE", str(tmp_path))
    assert compiled_kernels.kernel_cache_folder().parent == tmp_path / "kernels"
