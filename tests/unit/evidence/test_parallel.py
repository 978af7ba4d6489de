# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import threading
import time
from typing import Iterator

import pytest

from special_qgis.engine.evidence import parallel
from special_qgis.engine.evidence.parallel import map_ordered, n_threads


def test_map_ordered_uneven_work_keeps_the_order() -> None:
    def work(item: int) -> int:
        time.sleep(0.01 * (item % 3))
        return item * item

    assert list(map_ordered(work, range(20), threads=4)) == [i * i for i in range(20)]


def test_map_ordered_items_under_way_are_bounded() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    for done, _ in enumerate(map_ordered(lambda item: item, items(), threads=2)):
        assert len(taken) <= done + 4


def test_map_ordered_failure_is_raised_and_no_thread_stays() -> None:
    def work(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    before = threading.active_count()
    with pytest.raises(ValueError, match="five"):
        list(map_ordered(work, range(50), threads=3))
    assert threading.active_count() == before


def test_n_threads_is_positive() -> None:
    assert n_threads() >= 1


@pytest.mark.parametrize(
    ("limit", "cores", "expected"),
    [("", 8, 4), ("1", 8, 1), ("3", 8, 3), ("16", 8, 4), ("3", 2, 2), ("0", 2, 2), ("all", 2, 2)],
)
def test_n_threads_heeds_cores_and_environment(
    limit: str, cores: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    monkeypatch.setattr(parallel, "n_cores", lambda: cores)
    assert n_threads() == expected
