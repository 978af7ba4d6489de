# SPDX-License-Identifier: GPL-2.0-or-later
"""Cancelling the real main job on a large scene: within a second, and nothing is left."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import ClassifyConfig, OutputConfig, SceneConfig
from special_qgis.process.interpreters import light_interpreter, plugin_parent
from special_qgis.process.worker_client import WorkerCancelled, run_job
from tests.helpers.listener import Listener

TILE_PX, N_REPEATS, N_BANDS = 128, 24, 40
CLASSES = "water #1f78b4\ntree\nbare soil"


@pytest.fixture(scope="module")
def large_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual raster of 3072 x 3072 pixels and 40 bands that repeats one small tile of three materials."""
    folder = tmp_path_factory.mktemp("large scene")
    wavelengths_nm = np.linspace(420.0, 2300.0, N_BANDS)
    water = 400.0 * np.exp(-(((wavelengths_nm - 500.0) / 250.0) ** 2)) + 20.0
    tree = np.where(wavelengths_nm < 700.0, 350.0, np.where(wavelengths_nm < 1350.0, 4500.0, 1500.0))
    soil = 600.0 + 1.2 * (wavelengths_nm - 400.0)
    random = np.random.default_rng(1)
    material = np.repeat(random.integers(0, 3, (TILE_PX // 16, TILE_PX // 16)), 16, axis=0).repeat(16, axis=1)
    spectra = np.stack([water, tree, soil])[material].transpose(2, 0, 1)
    values = (spectra * random.normal(1.0, 0.05, spectra.shape)).astype(np.int16)
    tile = gdal.GetDriverByName("GTiff").Create(str(folder / "tile.tif"), TILE_PX, TILE_PX, N_BANDS, gdal.GDT_Int16)
    tile.WriteArray(values)
    tile = None
    path = folder / "scene.vrt"
    path.write_text(virtual_raster(wavelengths_nm))
    return path


def virtual_raster(wavelengths_nm: np.ndarray) -> str:
    """Text of the virtual raster."""
    side_px = TILE_PX * N_REPEATS
    parts = [f'<VRTDataset rasterXSize="{side_px}" rasterYSize="{side_px}">']
    parts.append("<GeoTransform>400000, 5, 0, 5800000, 0, -5</GeoTransform>")
    for number, centre_nm in enumerate(wavelengths_nm, start=1):
        parts.append(f'<VRTRasterBand dataType="Int16" band="{number}"><Metadata>')
        parts.append(f'<MDI key="wavelength">{centre_nm:.2f}</MDI><MDI key="wavelength_units">nm</MDI></Metadata>')
        for row in range(N_REPEATS):
            for col in range(N_REPEATS):
                parts.append(
                    f'<SimpleSource><SourceFilename relativeToVRT="1">tile.tif</SourceFilename>'
                    f"<SourceBand>{number}</SourceBand>"
                    f'<SrcRect xOff="0" yOff="0" xSize="{TILE_PX}" ySize="{TILE_PX}"/>'
                    f'<DstRect xOff="{col * TILE_PX}" yOff="{row * TILE_PX}" xSize="{TILE_PX}" ySize="{TILE_PX}"/>'
                    f"</SimpleSource>"
                )
        parts.append("</VRTRasterBand>")
    return "\n".join([*parts, "</VRTDataset>"])


class ImpatientListener(Listener):
    """Cancels when the job has come to a fraction, or a time after its begin."""

    def __init__(self, fraction: float, seconds: float) -> None:
        super().__init__()
        self._fraction = fraction
        self._deadline = time.monotonic() + seconds

    def is_cancelled(self) -> bool:
        reached = self.progress[-1][0] if self.progress else 0.0
        if reached >= self._fraction or time.monotonic() >= self._deadline:
            self.cancel()
        return super().is_cancelled()


def job_config(scene: Path, folder: Path) -> Dict[str, object]:
    outputs = OutputConfig(
        map=str(folder / "map.tif"),
        confidence=str(folder / "confidence.tif"),
        probabilities=str(folder / "probabilities.tif"),
        report=str(folder / "report.html"),
    )
    return ClassifyConfig(scene=SceneConfig(source=str(scene)), classes=CLASSES, outputs=outputs).to_json()


def files_in(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("fraction", "seconds"),
    [
        pytest.param(1.0, 0.15, id="while-python-starts"),
        pytest.param(1.0, 0.6, id="while-reading"),
        pytest.param(0.3, 60.0, id="while-mapping"),
    ],
)
def test_cancel_classify_large_scene_within_a_second_leaves_nothing(
    large_scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fraction: float, seconds: float
) -> None:
    temporary, outputs = tmp_path / "temporary", tmp_path / "outputs"
    temporary.mkdir()
    outputs.mkdir()
    (outputs / "map.tif").write_text("an older map")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    listener = ImpatientListener(fraction, seconds)
    with pytest.raises(WorkerCancelled):
        run_job("classify", job_config(large_scene, outputs), listener, light_interpreter())
    assert listener.since_cancel_s() < 1.0
    assert files_in(outputs) == ["map.tif"]
    assert (outputs / "map.tif").read_text() == "an older map"
    assert files_in(temporary) == []


def test_classify_by_worker_gives_figures_that_add_up(large_scene: Path, tmp_path: Path) -> None:
    config = ClassifyConfig.from_json(job_config(large_scene, tmp_path))
    part = SceneConfig(source=str(large_scene), extent=(400000.0, 5798720.0, 401280.0, 5800000.0))
    options = {**config.to_json(), "scene": part.to_json()}
    listener = Listener()
    result = run_job("classify", options, listener, light_interpreter())
    assert result["classified_px"] == 256 * 256
    assert sum(figures["count"] for figures in result["class_areas"].values()) == 256 * 256
    assert list(result["class_areas"]) == ["water", "tree", "bare soil"]
    assert all(Path(result[key]).exists() for key in ("map", "confidence", "probabilities", "report"))
    assert listener.progress[-1][0] == 1.0


def test_ctrl_c_on_the_command_line_exits_with_130_and_leaves_nothing(large_scene: Path, tmp_path: Path) -> None:
    command = [light_interpreter().path, "-m", "special_qgis.engine", "classify", str(large_scene)]
    process = subprocess.Popen(
        [*command, "--classes", CLASSES, "--output", str(tmp_path / "map.tif")],
        cwd=plugin_parent(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stderr.readline()  # the first line of progress
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert printed == ""
    assert "Cancelled; nothing was written." in said
    assert "Traceback" not in said
    assert files_in(tmp_path) == []
