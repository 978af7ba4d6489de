# SPDX-License-Identifier: GPL-2.0-or-later
"""How many workers and threads a campaign gets: never more threads than cores, never more workers than scenes."""

from __future__ import annotations

from typing import Any

import pytest

from special_qgis.engine.campaign import machine
from special_qgis.engine.campaign.machine import plan_crew
from special_qgis.engine.config import ClassifyConfig, SceneConfig, ScenesConfig

GIB = 2**30


@pytest.mark.parametrize(
    ("wanted", "n_scenes", "cores", "free_gib", "options", "expected"),
    [
        pytest.param(0, 100, 8, 64, {}, (8, 1), id="by-cores"),
        pytest.param(0, 3, 8, 64, {}, (3, 2), id="by-scenes"),
        pytest.param(0, 100, 8, 10, {}, (2, 4), id="by-memory"),
        pytest.param(0, 100, 8, 10, {"source": "spectral", "refine": False}, (8, 1), id="light-needs-less-memory"),
        pytest.param(0, 100, 8, 0, {}, (1, 8), id="no-memory-still-one"),
        pytest.param(0, 100, 8, 64, {"device": "cuda"}, (1, 8), id="one-gpu-one-worker"),
        pytest.param(5, 100, 8, 1, {}, (5, 1), id="as-wanted"),
        pytest.param(16, 100, 8, 64, {}, (16, 1), id="more-than-cores"),
    ],
)
def test_crew_is_what_the_machine_bears(
    wanted: int, n_scenes: int, cores: int, free_gib: int, options: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "n_cores", lambda: cores)
    monkeypatch.setattr(machine, "free_bytes", lambda: free_gib * GIB)
    config = ScenesConfig(("a",), "out", ClassifyConfig(SceneConfig("*"), "a;b", **options), workers=wanted)
    crew = plan_crew(config, n_scenes)
    assert (crew.n_workers, crew.n_threads) == expected


@pytest.mark.parametrize(("limit", "n_threads"), [("2", 2), ("16", 8), ("0", 8), ("many", 8)])
def test_crew_threads_heed_the_limit_of_the_environment(
    limit: str, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    monkeypatch.setattr(machine, "n_cores", lambda: 8)
    config = ScenesConfig(("a",), "out", ClassifyConfig(SceneConfig("*"), "a;b"), workers=1)
    assert plan_crew(config, 1).n_threads == n_threads
