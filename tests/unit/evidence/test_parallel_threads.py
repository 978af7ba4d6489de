# SPDX-License-Identifier: GPL-2.0-or-later
"""How many threads compute tiles: by the cores, and no more than the environment allows."""

from __future__ import annotations

import pytest

from special_qgis.engine.evidence import parallel


@pytest.mark.parametrize(
    ("limit", "cores", "expected"),
    [("", 8, 4), ("1", 8, 1), ("3", 8, 3), ("16", 8, 4), ("3", 2, 2), ("0", 2, 2), ("all", 2, 2)],
)
def test_n_threads_heeds_cores_and_environment(
    limit: str, cores: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    monkeypatch.setattr(parallel, "n_cores", lambda: cores)
    assert parallel.n_threads() == expected
