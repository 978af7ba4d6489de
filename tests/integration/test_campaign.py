# SPDX-License-Identifier: GPL-2.0-or-later
"""Campaigns with real worker processes: same bytes as one by one, killed workers, resume, cancel, bad scenes."""

from __future__ import annotations

import csv
import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.campaign.machine import plan_crew
from special_qgis.engine.campaign.run import classify_scenes
from special_qgis.engine.campaign.worker_process import THREAD_VARIABLES
from special_qgis.engine.config import ClassifyConfig, RefineConfig, SceneConfig
from special_qgis.engine.errors import Cancelled, ConfigError
from special_qgis.engine.files.process_lock import hold
from special_qgis.engine.jobs import run_job
from special_qgis.engine.rasters.legend import read_legend
from tests.helpers.campaigns import (
    LOCK,
    children,
    left_over,
    options,
    rasters,
    start_campaign,
    write_large_scene,
    write_scenes,
)
from tests.helpers.listener import Listener
from tests.helpers.processes import wait_until_gone
from tests.helpers.range_server import serve_folder
from tests.helpers.small_scene import CLASSES, truth, write_scene


class Killer(Listener):
    """Kills the worker processes whenever a scene is in work, so many times.

    Args:
        scene: Name of the scene.
        n_times: How often; after that it only watches.
    """

    def __init__(self, scene: str, n_times: int) -> None:
        super().__init__()
        self._scene, self._n_left = scene, n_times
        self.n_killed = 0
        self._dead: List[int] = []

    def report(self, fraction: float, message: str = "") -> None:
        super().report(fraction, message)
        if message.endswith(f"now {self._scene}") and self._n_left:
            for process in multiprocessing.active_children():
                if process.pid and process.pid not in self._dead:
                    os.kill(process.pid, signal.SIGKILL)
                    self._dead.append(process.pid)
                    self._n_left -= 1
                    self.n_killed += 1


def run(config: Any, listener: Any = None) -> Dict[str, Any]:
    return run_job("scenes", config.to_json(), listener or Listener())


def statuses(result: Dict[str, Any]) -> Dict[str, str]:
    return {scene["name"]: scene["status"] for scene in result["scenes"]}


def written_at(folder: Path) -> Dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*_map.tif")}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder with four small scenes."""
    write_scenes(tmp_path / "scènes", 4)
    return tmp_path / "scènes"


def test_campaign_gives_the_same_bytes_as_classify_one_by_one(scenes: Path, tmp_path: Path) -> None:
    config = options(scenes, tmp_path / "out", outputs=("confidence", "probabilities", "report"), workers=2)
    result = run(config)
    assert set(statuses(result).values()) == {"done"}
    made = rasters(tmp_path / "out")
    assert len([name for name in made if name.endswith(".tif")]) == 12
    for scene in result["scenes"]:
        manifest = json.loads((tmp_path / "out" / scene["name"] / "scene.json").read_text())
        run_job("classify", manifest["options"], Listener())
    assert rasters(tmp_path / "out") == made
    assert left_over(tmp_path / "out") == []


def test_campaign_on_one_and_two_workers_gives_the_same_bytes(scenes: Path, tmp_path: Path) -> None:
    made = []
    for n_workers in (1, 2):
        run(options(scenes, tmp_path / "out", workers=n_workers, resume=False))
        made.append(rasters(tmp_path / "out"))
    assert made[0] == made[1]


def test_campaign_report_table_and_mosaic_hold_all_scenes(scenes: Path, tmp_path: Path) -> None:
    result = run(options(scenes, tmp_path / "out", workers=2))
    assert (result["n_scenes"], result["n_done"], result["status"]) == (4, 4, "ok")
    assert result["class_areas"]["water"] == {"count": 1024, "share": 0.25, "area_m2": 1024 * 16.0}
    assert result["classified_area_m2"] == 4096 * 16.0
    page = (tmp_path / "out" / "campaign.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 4
    assert 'href="line3/line3_report.html"' in page
    report = json.loads((tmp_path / "out" / "campaign.json").read_text(encoding="utf-8"))
    assert report["class_areas"] == result["class_areas"]
    with (tmp_path / "out" / "campaign.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["scene"] for row in rows] == ["line0", "line1", "line2", "line3"]
    assert {row["water area_m2"] for row in rows} == {str(256 * 16.0)}


def test_mosaic_shows_the_maps_with_names_colours_and_style_and_moves_with_its_folder(tmp_path: Path) -> None:
    write_scenes(tmp_path / "in", 1)
    east = gdal.Open(str(write_scene(tmp_path / "in" / "wald & wiese.tif", seed=1)), gdal.GA_Update)
    east.SetGeoTransform((380128.0, 4.0, 0.0, 5810000.0, 0.0, -4.0))
    del east
    run(options(tmp_path / "in", tmp_path / "out"))
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    mosaic = gdal.Open(str(tmp_path / "elsewhere" / "mosaic.vrt"))
    np.testing.assert_array_equal(mosaic.ReadAsArray(), np.hstack([truth(), truth()]))
    legend = read_legend(mosaic)
    assert dict(legend.names) == {1: "water", 2: "tree", 3: "bare soil", 4: "asphalt"}
    assert legend.colours[1] == "#1f78b4"
    assert mosaic.GetRasterBand(1).GetNoDataValue() == 0
    qml = (tmp_path / "elsewhere" / "line0" / "line0_map.qml").read_text(encoding="utf-8")
    assert (tmp_path / "elsewhere" / "mosaic.qml").read_text(encoding="utf-8") == qml


def test_mosaic_of_two_reference_systems_is_two_and_a_map_without_one_apart(tmp_path: Path) -> None:
    write_scenes(tmp_path / "in", 2)
    write_scene(tmp_path / "in" / "other.tif", epsg=32632)
    plain = gdal.Open(str(write_scene(tmp_path / "in" / "plain.tif", epsg=0)), gdal.GA_Update)
    plain.SetGeoTransform((0.0, 1.0, 0.1, 0.0, 0.1, -1.0))
    del plain
    result = run(options(tmp_path / "in", tmp_path / "out"))
    assert [Path(path).name for path in result["mosaics"]] == ["mosaic.vrt", "mosaic_2.vrt"]
    assert [len(gdal.Open(path).GetFileList()) for path in result["mosaics"]] == [3, 2]
    assert any("plain_map.tif" in text for text in result["warnings"])
    assert any("2 coordinate reference systems" in text for text in result["warnings"])


def test_bad_scene_fails_alone_with_its_message_in_the_report(scenes: Path, tmp_path: Path) -> None:
    whole = (scenes / "line0.tif").read_bytes()
    (scenes / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (scenes / "list.txt").write_text("line0.tif\ncut.tif\nmissing.tif\nline1.tif\n", encoding="utf-8")
    result = run(options(scenes / "list.txt", tmp_path / "out", workers=2))
    assert statuses(result) == {"line0": "done", "cut": "failed", "missing": "failed", "line1": "done"}
    page = (tmp_path / "out" / "campaign.html").read_text(encoding="utf-8")
    assert "There is no file" in page
    assert any("The scene cut failed" in text for text in result["warnings"])
    assert not (tmp_path / "out" / "cut").exists()
    assert left_over(tmp_path / "out") == []


def test_killed_worker_has_its_scene_tried_again_and_the_map_is_the_same(scenes: Path, tmp_path: Path) -> None:
    write_large_scene(scenes / "large.tif")
    expected = rasters(tmp_path / "out") if run(options(scenes, tmp_path / "out", workers=1)) else {}
    killer = Killer("large", 1)
    result = run(options(scenes, tmp_path / "out", workers=1, resume=False), killer)
    assert killer.n_killed == 1
    assert any("The worker of large died (signal 9, SIGKILL)" in text for text in killer.infos)
    assert set(statuses(result).values()) == {"done"}
    assert rasters(tmp_path / "out") == expected
    assert left_over(tmp_path / "out") == []


def test_scene_that_kills_every_worker_fails_alone_after_its_tries(scenes: Path, tmp_path: Path) -> None:
    write_large_scene(scenes / "large.tif")
    killer = Killer("large", 3)
    result = run(options(scenes, tmp_path / "out", workers=1), killer)
    assert killer.n_killed == 3
    assert statuses(result) == {"large": "failed", **{f"line{number}": "done" for number in range(4)}}
    assert "died 3 times, the last time by signal 9, SIGKILL" in (tmp_path / "out" / "campaign.html").read_text()
    assert left_over(tmp_path / "out") == []
    assert multiprocessing.active_children() == []


def test_resume_skips_what_is_finished_and_reports_it_all_the_same(scenes: Path, tmp_path: Path) -> None:
    first = run(options(scenes, tmp_path / "out"))
    before = written_at(tmp_path / "out")
    again = run(options(scenes, tmp_path / "out"))
    assert (again["n_skipped"], again["n_done"]) == (4, 0)
    assert again["class_areas"] == first["class_areas"]
    assert written_at(tmp_path / "out") == before


def change_option(config: Any, scenes: Path, out: Path) -> Any:
    return dataclasses.replace(config, classify=dataclasses.replace(config.classify, seed=1))


def change_nothing_but_workers(config: Any, scenes: Path, out: Path) -> Any:
    return dataclasses.replace(config, workers=2, retries=0, mosaic=False)


def change_content_but_neither_size_nor_time(config: Any, scenes: Path, out: Path) -> Any:
    path = scenes / "line1.tif"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    return config


def remove_an_output(config: Any, scenes: Path, out: Path) -> Any:
    (out / "line2" / "line2_confidence.tif").unlink()
    return config


def empty_a_manifest(config: Any, scenes: Path, out: Path) -> Any:
    path = out / "line3" / "scene.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "outputs": None}))
    return config


def damage_a_manifest(config: Any, scenes: Path, out: Path) -> Any:
    (out / "line3" / "scene.json").write_text('{"manifest_version": 1}')
    return config


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        pytest.param(change_option, {"line0", "line1", "line2", "line3"}, id="option"),
        pytest.param(change_nothing_but_workers, set(), id="workers"),
        pytest.param(change_content_but_neither_size_nor_time, {"line1"}, id="content"),
        pytest.param(remove_an_output, {"line2"}, id="output-gone"),
        pytest.param(damage_a_manifest, {"line3"}, id="manifest"),
        pytest.param(empty_a_manifest, {"line3"}, id="manifest-of-other-kind"),
    ],
)
def test_resume_maps_again_exactly_what_changed(scenes: Path, tmp_path: Path, change: Any, redone: Any) -> None:
    config = options(scenes, tmp_path / "out", workers=1)
    run(config)
    result = run(change(config, scenes, tmp_path / "out"))
    assert {name for name, status in statuses(result).items() if status == "done"} == redone
    assert result["n_failed"] == 0


def test_failed_scene_is_tried_again_when_it_is_there(scenes: Path, tmp_path: Path) -> None:
    (scenes / "list.txt").write_text("line0.tif\nlater.tif\n", encoding="utf-8")
    config = options(scenes / "list.txt", tmp_path / "out")
    assert statuses(run(config)) == {"line0": "done", "later": "failed"}
    write_scene(scenes / "later.tif", seed=9)
    assert statuses(run(config)) == {"line0": "skipped", "later": "done"}


def test_second_campaign_in_a_folder_is_refused_and_changes_nothing(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with hold(tmp_path / "out" / LOCK), pytest.raises(ConfigError, match=f"process {os.getpid()}, works in the folder"):
        run(options(scenes, tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK]


def test_bad_class_list_is_refused_before_any_scene(scenes: Path, tmp_path: Path) -> None:
    classify = ClassifyConfig(SceneConfig("*"), "water", refine=False)
    with pytest.raises(ValueError, match="only one class"):
        classify_scenes(options(scenes, tmp_path / "out", classify=classify))
    assert not (tmp_path / "out").exists()


def test_cancel_ends_all_workers_and_keeps_finished_scenes(scenes: Path, tmp_path: Path) -> None:
    write_large_scene(scenes / "large1.tif", 24)
    write_large_scene(scenes / "large2.tif", 24)
    listener = Listener(cancel_on="4 of 6 scenes; now large")
    names = "line?.tif", "large?.tif"
    config = options(scenes, tmp_path / "out", workers=2)
    config = dataclasses.replace(config, scenes=tuple(str(scenes / name) for name in names))
    with pytest.raises(Cancelled, match="finished scenes are kept"):
        run(config, listener)
    assert listener.since_cancel_s() < 5.0
    assert multiprocessing.active_children() == []
    assert left_over(tmp_path / "out") == []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [LOCK, "line0", "line1", "line2", "line3"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_command_line_cancelled_by_a_signal_ends_with_130_and_no_process(tmp_path: Path, number: int) -> None:
    for name in ("a", "b"):
        write_large_scene(tmp_path / "in" / f"{name}.tif", 24)
    campaign = start_campaign(tmp_path / "in", tmp_path / "out", "--workers", "2")
    workers = wait_for_work(campaign.pid, tmp_path / "out")
    campaign.send_signal(number)
    began = time.monotonic()
    _, errors = campaign.communicate(timeout=30)
    assert time.monotonic() - began < 5.0
    assert (campaign.returncode, "Cancelled; finished scenes are kept" in errors) == (130, True), errors
    assert all(wait_until_gone(pid) for pid in workers)
    assert left_over(tmp_path / "out") == []


def test_killed_campaign_takes_its_workers_along_and_goes_on_when_run_again(tmp_path: Path) -> None:
    write_scenes(tmp_path / "in", 3)
    write_large_scene(tmp_path / "in" / "m_large.tif", 24)
    expected = options(tmp_path / "in", tmp_path / "out", workers=2)
    campaign = start_campaign(tmp_path / "in", tmp_path / "out", "--workers", "2")
    workers = wait_for_work(campaign.pid, tmp_path / "out", "line2/scene.json")
    campaign.kill()
    campaign.communicate(timeout=30)
    assert all(wait_until_gone(pid, 10.0) for pid in workers)
    finished = {path.parent.name for path in (tmp_path / "out").glob("*/scene.json")}
    assert "line2" in finished
    result = run(expected)
    assert {name for name, status in statuses(result).items() if status == "skipped"} == finished
    assert result["n_failed"] == 0
    assert left_over(tmp_path / "out") == []
    made = rasters(tmp_path / "out")
    run(dataclasses.replace(expected, workers=1, resume=False))
    assert rasters(tmp_path / "out") == made


def wait_for_work(pid: int, folder: Path, file: str = "") -> List[int]:
    """Wait until a campaign's workers write, and a file is there; gives the workers' numbers."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        is_writing = any(folder.rglob(".special-[0-9]*")) if folder.exists() else False
        if is_writing and (not file or (folder / file).exists()):
            return children(pid)
        time.sleep(0.02)
    raise TimeoutError("the campaign has not begun to write")


def test_scene_behind_an_address_is_mapped_and_skipped_until_it_changes(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (scenes / "line0.tif").rename(tmp_path / "served" / "remote.tif")
    with serve_folder(tmp_path / "served") as address:
        (scenes / "list.txt").write_text(f"{address}/remote.tif\nline1.tif\n", encoding="utf-8")
        config = options(scenes / "list.txt", tmp_path / "out", outputs=())
        assert statuses(run(config)) == {"remote": "done", "line1": "done"}
        remote = gdal.Open(str(tmp_path / "out" / "remote" / "remote_map.tif"))
        np.testing.assert_array_equal(remote.ReadAsArray(), truth())
        assert statuses(run(config)) == {"remote": "skipped", "line1": "skipped"}
        (scenes / "line2.tif").replace(tmp_path / "served" / "remote.tif")
        assert statuses(run(config)) == {"remote": "done", "line1": "skipped"}


def test_campaign_with_the_network_gives_the_same_bytes_as_one_by_one(tmp_path: Path, with_runtime: str) -> None:
    write_scenes(tmp_path / "in", 2)
    sizes = {"tile_px": 64, "halo_px": 16, "training_tiles": 4}
    network = RefineConfig(epochs=6, iterations_per_epoch=10, warm_up_epochs=3, **sizes)
    classify = ClassifyConfig(SceneConfig("*"), CLASSES, source="spectral", device="cpu", network=network)
    config = options(tmp_path / "in", tmp_path / "out", classify=classify, workers=2)
    result = run(config)
    assert set(statuses(result).values()) == {"done"}
    made = rasters(tmp_path / "out")
    n_threads = str(plan_crew(config, 2).n_threads)  # PyTorch's sums depend on their number in the last digit
    for name in statuses(result):
        manifest = json.loads((tmp_path / "out" / name / "scene.json").read_text())
        alone = run_in_a_process(manifest["options"], dict.fromkeys(THREAD_VARIABLES, n_threads))
        assert alone["changed_share"] is not None, alone["warnings"]
    assert rasters(tmp_path / "out") == made


def run_in_a_process(job_options: Dict[str, Any], variables: Dict[str, str]) -> Dict[str, Any]:
    """The job classify in a Python of its own."""
    code = (
        "import json, sys; from special_qgis.engine.jobs import run_job; "
        "from special_qgis.engine.progress import NullProgress; "
        "print(json.dumps(run_job('classify', json.loads(sys.stdin.read()), NullProgress())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(job_options),
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    found: Dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
