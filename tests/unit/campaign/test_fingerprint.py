# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files decide whether a finished scene of a campaign is mapped again."""

from __future__ import annotations

from pathlib import Path

import pytest

from special_qgis.engine.campaign.fingerprint import fingerprint, list_inputs
from special_qgis.engine.config import ClassifyConfig, OutputConfig, SceneConfig


@pytest.mark.parametrize("name", ["scene.tif", "height.tif", "terrain.tif", "classes.txt"])
def test_fingerprint_changes_with_the_content_of_each_file_that_is_read(tmp_path: Path, name: str) -> None:
    paths = {one: tmp_path / one for one in ("scene.tif", "height.tif", "terrain.tif", "classes.txt")}
    for path in paths.values():
        path.write_bytes(b"water")
    config = ClassifyConfig(
        SceneConfig(str(paths["scene.tif"])),
        str(paths["classes.txt"]),
        OutputConfig(map=str(tmp_path / "map.tif")),
        height=str(paths["height.tif"]),
        terrain=str(paths["terrain.tif"]),
        models_folder=str(tmp_path / "models"),
    )
    before = fingerprint(config, list_inputs(config))
    assert fingerprint(config, list_inputs(config)) == before
    paths[name].write_bytes(b"trees")
    assert fingerprint(config, list_inputs(config)) != before
