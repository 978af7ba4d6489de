# SPDX-License-Identifier: GPL-2.0-or-later
"""The spectral prior on every real scene that is there: no scene may fall below its recorded figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.labelled_scenes import RECORD, labelled_folders, prior_figures

MOST_LOST = 0.01
RECORDED = json.loads(RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_prior_names_alone_keeps_its_recorded_accuracy(scenes_dir: Path, name: str) -> None:
    if not (scenes_dir / name / "reference.tif").exists():
        pytest.skip(f"the scene {name} is not at {scenes_dir}")
    figures = prior_figures(scenes_dir / name)
    assert figures["oa"] >= RECORDED[name]["oa"] - MOST_LOST
    assert figures["aa"] >= RECORDED[name]["aa"] - MOST_LOST


def test_prior_every_labelled_scene_is_recorded(scenes_dir: Path) -> None:
    assert {folder.name for folder in labelled_folders(scenes_dir)} <= set(RECORDED)


def test_prior_recorded_means_meet_what_the_documentation_says() -> None:
    means = [sum(one[key] for one in RECORDED.values()) / len(RECORDED) for key in ("oa", "aa")]
    assert means[0] >= 0.74
    assert means[1] >= 0.71
