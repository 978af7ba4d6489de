# SPDX-License-Identifier: GPL-2.0-or-later
"""A campaign on the engine's command line: what it prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.campaigns import left_over, start_campaign, write_scenes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, whose name has a space and letters beyond ASCII, with two scenes."""
    folder = tmp_path / "Flüge – 航线"
    write_scenes(folder / "in", 2)
    return folder


def test_scenes_of_a_folder_are_mapped_and_told_as_tables(folder: Path) -> None:
    campaign = start_campaign(folder / "in", folder / "out", "--workers", "2", "--outputs", "all")
    printed, errors = campaign.communicate(timeout=120)
    assert campaign.returncode == 1, errors  # a classifier cannot be written where the network is switched off
    assert "outputs.classifier must be empty" in errors
    campaign = start_campaign(folder / "in", folder / "out", "--workers", "2", "--outputs", "probabilities")
    printed, errors = campaign.communicate(timeout=120)
    assert campaign.returncode == 0, errors
    assert "2 scenes: 2 done, 0 skipped, 0 failed" in printed
    assert [line.split() for line in printed.splitlines() if line.startswith("water")] == [
        ["water", "512", "25.0%", "8,192.00", "m²"]
    ]
    assert {path.name for path in (folder / "out" / "line1").iterdir()} == {
        *("line1_map.tif", "line1_map.tif.aux.xml", "line1_map.qml", "line1_probabilities.tif", "scene.json")
    }
    assert left_over(folder / "out") == []


def test_scenes_one_bad_exits_with_1_after_all_others_are_done(folder: Path) -> None:
    (folder / "list.csv").write_text("scene,name\nin/line0.tif,first\nin/none.tif,second\n", encoding="utf-8")
    campaign = start_campaign(folder / "list.csv", folder / "out", "--json")
    printed, errors = campaign.communicate(timeout=120)
    result = json.loads(printed)
    assert (campaign.returncode, result["n_done"], result["n_failed"]) == (1, 1, 1)
    assert "Warning: The scene second failed: There is no file" in errors
    assert "Traceback" not in errors
    assert (folder / "out" / "campaign.html").is_file()


def test_scenes_of_an_empty_folder_exit_with_1_and_write_nothing(folder: Path) -> None:
    (folder / "empty").mkdir()
    campaign = start_campaign(folder / "empty", folder / "out")
    printed, errors = campaign.communicate(timeout=120)
    assert (campaign.returncode, printed) == (1, "")
    assert "Error: There is no scene in" in errors
    assert not (folder / "out").exists()
