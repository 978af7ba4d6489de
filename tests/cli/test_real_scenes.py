# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job through the real ``qgis_process`` on real scenes, by class names alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from tests.helpers.qgis_process import QgisProcess

# scene, and the overall accuracy to reach where there is a reference
SCENES = [
    ("jasper_ridge/jasper_ridge.img", 0.89),
    ("samson/samson.tif", 0.95),
    ("enmap_potsdam/enmap_potsdam.tif", 0.61),
    ("aviris_park/aviris_park.img", None),
    ("pavia_bridge/pavia_bridge.tif", None),
]

NETWORK_MAY_COST = 0.01  # where the first stage is nearly right; docs/refinement.md

IDS = [name.split("/")[0] for name, _ in SCENES]


@pytest.mark.parametrize(("name", "least_accuracy"), SCENES, ids=IDS)
def test_classify_real_scene_without_the_network_reaches_its_accuracy(
    qgis_process: QgisProcess, scenes_dir: Path, tmp_path: Path, name: str, least_accuracy: Optional[float]
) -> None:
    classify_and_assess(qgis_process, scenes_dir, tmp_path, name, least_accuracy)


@pytest.mark.parametrize(("name", "least_accuracy"), SCENES, ids=IDS)
def test_classify_real_scene_with_the_network_reaches_its_accuracy(
    qgis_process: QgisProcess,
    scenes_dir: Path,
    tmp_path: Path,
    with_runtime: str,
    name: str,
    least_accuracy: Optional[float],
) -> None:
    least = None if least_accuracy is None else least_accuracy - NETWORK_MAY_COST
    results = classify_and_assess(qgis_process, scenes_dir, tmp_path, name, least)
    assert 0.0 < results["CHANGED_SHARE"] < 0.5


def classify_and_assess(
    qgis_process: QgisProcess, scenes_dir: Path, tmp_path: Path, name: str, least_accuracy: Optional[float]
) -> Dict[str, Any]:
    """Classify a copy of a scene, see that it is not touched, and score the map where there is a reference."""
    folder = tmp_path / "scene"  # a copy: QGIS keeps statistics beside rasters that it opens
    shutil.copytree((scenes_dir / name).parent, folder)
    scene = folder / Path(name).name
    before = scene.read_bytes()
    outputs = {key: str(tmp_path / file) for key, file in (("OUTPUT", "map.tif"), ("REPORT", "report.html"))}
    classes = str(folder / "classes.txt")
    done = qgis_process.run_algorithm("special:classify", {"INPUT": str(scene), "CLASSES": classes, **outputs})
    assert done.rc == 0, done.errors
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert scene.read_bytes() == before
    if least_accuracy is not None:
        reference = {"MAP": outputs["OUTPUT"], "REFERENCE": str(folder / "reference.tif")}
        assessed = qgis_process.run_algorithm("special:assess", reference)
        assert assessed.results["OVERALL_ACCURACY"] >= least_accuracy
    return done.results
