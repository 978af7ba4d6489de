# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory budget."""

from __future__ import annotations

from special_qgis.engine.scene import memory


def test_budget_that_is_wanted_is_taken():
    assert memory.block_budget_bytes(12345) == 12345


def test_default_budget_is_a_quarter_of_free_memory_within_bounds(monkeypatch):
    budgets = []
    for free in (1, 2**30, 2**40):
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        budgets.append(memory.block_budget_bytes())
    assert budgets == [64 * 2**20, 2**28, 512 * 2**20]


def test_free_memory_is_told_on_this_machine():
    assert 2**20 < memory.free_bytes() < 2**50


def test_free_memory_without_the_kernel_s_word_comes_from_posix():
    assert memory._free_posix() > 2**20
