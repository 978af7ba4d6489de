# SPDX-License-Identifier: GPL-2.0-or-later
"""Sources of evidence are open to extension: a third one, registered from outside the package, maps and is fused."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Sequence

import numpy as np
import pytest
from osgeo import gdal

from special_qgis.engine.config import ClassifyConfig, OutputConfig, SceneConfig
from special_qgis.engine.errors import ConfigError
from special_qgis.engine.evidence.source import FittedSource, RunRequest, SceneSample, Source
from special_qgis.engine.pipeline import classify
from special_qgis.engine.progress import Progress
from special_qgis.engine.report.summary import SourceReport, SourceSection
from special_qgis.engine.scene.scene import Block, Sample
from special_qgis.engine.source_kinds import SourceKind, forget_source, register_source, source_names
from special_qgis.engine.windows import Window
from tests.helpers import small_scene

LEAD = 0.7
NAME = "columns"


@dataclass
class _Facts:
    n_columns: int

    def to_json(self) -> Dict[str, Any]:
        return {"n_columns": self.n_columns}


class _Columns:
    """Says the first class west of the middle and the last east of it, whatever the spectra are."""

    name = NAME
    files: Sequence[str] = ()
    cost = 0.1
    is_informed = True
    precedence: Optional[Sequence[int]] = None
    own_weight: Optional[float] = None

    def __init__(self, request: RunRequest) -> None:
        self._n_classes = len(request.classes)
        self._middle = 0

    def check_names(self, is_alone: bool, progress: Progress) -> None:
        progress.info(f"The source {NAME} is {'alone' if is_alone else 'not alone'}.")

    def fit(self, given: SceneSample, progress: Progress) -> FittedSource:
        self._middle = given.scene.cols // 2
        return self

    def _of_columns(self, cols: np.ndarray) -> np.ndarray:
        found = np.full((self._n_classes, *cols.shape), (1.0 - LEAD) / self._n_classes, np.float32)
        np.add.at(found, (np.where(cols < self._middle, 0, self._n_classes - 1), *np.indices(cols.shape)), LEAD)
        return found

    def predict(self, window: Window, block: Block) -> np.ndarray:
        cols = np.broadcast_to(np.arange(window.cols) + window.col_off, (window.rows, window.cols))
        return self._of_columns(cols) * block.valid

    def predict_sample(self, sample: Sample) -> np.ndarray:
        return self._of_columns(sample.cols)

    def features(self, sample: Sample, progress: Progress) -> Optional[np.ndarray]:
        return None

    def report(self) -> SourceReport:
        section = SourceSection("Columns <i>", ("A note.",), pairs=(("Middle", str(self._middle)),))
        return SourceReport(NAME, "columns of the scene", section=section, facts=_Facts(2 * self._middle))

    def estimates(self, is_alone: bool) -> Dict[str, Any]:
        return {NAME: {"middle": self._middle}}


def _plan(request: RunRequest, progress: Progress) -> Optional[Source]:
    return _Columns(request)


@pytest.fixture
def columns() -> Iterator[None]:
    register_source(SourceKind(NAME, "columns of the scene", "Looks at where a pixel lies.", _plan))
    yield
    forget_source(NAME)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClassifyConfig:
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path / "models"))
    scene = SceneConfig(str(small_scene.write_scene(tmp_path / "scene.tif")))
    return ClassifyConfig(scene, small_scene.CLASSES, OutputConfig(map=str(tmp_path / "map.tif")), refine=False)


def read(path: Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def test_registered_source_is_accepted_by_name_and_forgotten_again(columns: None) -> None:
    assert source_names() == ("automatic", "spectral", "clip", NAME)
    with pytest.raises(ConfigError, match="already"):
        register_source(SourceKind(NAME, "", "", _plan))
    forget_source(NAME)
    assert source_names() == ("automatic", "spectral", "clip")
    register_source(SourceKind(NAME, "", "", _plan))


def test_unknown_source_is_refused_with_the_known_ones(config: ClassifyConfig) -> None:
    with pytest.raises(ConfigError, match="source must be one of automatic, spectral, clip; got 'columns'"):
        replace(config, source=NAME)


def test_third_source_alone_makes_the_map(tmp_path: Path, config: ClassifyConfig, columns: None) -> None:
    outputs = replace(config.outputs, confidence=str(tmp_path / "c.tif"), report=str(tmp_path / "r.html"))
    result = classify(replace(config, source=NAME, classes="river; zorg; plim", outputs=outputs))
    half = small_scene.SIDE_PX // 2
    assert result["classified_px"] == small_scene.SIDE_PX**2
    assert (read(tmp_path / "map.tif")[:, :half] == 1).all() and (read(tmp_path / "map.tif")[:, half:] == 3).all()
    np.testing.assert_allclose(read(tmp_path / "c.tif"), LEAD, atol=1e-6)
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report[NAME] == {"n_columns": small_scene.SIDE_PX} and report["clip"] == {}
    assert report["stages"] == ["columns of the scene"]
    assert report["provenance"]["estimates"][NAME] == {"middle": half}
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Columns &lt;i&gt;" in html and "A note." in html and "Middle" in html
    assert "How your class names were read" not in html


def test_third_source_is_fused_with_the_prior_and_weighed(
    tmp_path: Path, config: ClassifyConfig, columns: None
) -> None:
    outputs = replace(config.outputs, agreement=str(tmp_path / "a.tif"), report=str(tmp_path / "r.html"))
    classify(replace(config, outputs=outputs))
    assert np.array_equal(read(tmp_path / "map.tif"), small_scene.truth())
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["stages"] == ["columns of the scene", "spectral prior", "fusion"]
    fusion = report["provenance"]["estimates"]["fusion"]
    assert fusion["spectral_weight"] == 1.0 and 0.0 < fusion[f"{NAME}_weight"] < 0.25
    agreement = read(tmp_path / "a.tif")
    right = small_scene.truth() == np.where(np.arange(small_scene.SIDE_PX) < small_scene.SIDE_PX // 2, 1, 4)
    assert agreement[right].min() > agreement[~right].max()
    assert "Weight beside the other sources" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_third_source_outweighs_a_prior_that_knows_no_name(
    tmp_path: Path, config: ClassifyConfig, columns: None
) -> None:
    classify(replace(config, classes="zorg; blib; plim"))
    half = small_scene.SIDE_PX // 2
    assert (read(tmp_path / "map.tif")[:, :half] == 1).all() and (read(tmp_path / "map.tif")[:, half:] == 3).all()


def test_third_source_and_clip_and_prior_are_fused(tmp_path: Path, config: ClassifyConfig, columns: None) -> None:
    pytest.importorskip("open_clip", reason="CLIP needs open_clip")
    outputs = replace(config.outputs, report=str(tmp_path / "r.html"), probabilities=str(tmp_path / "p.tif"))
    classify(replace(config, model="demo", outputs=outputs))
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["stages"] == ["columns of the scene", "CLIP demo", "spectral prior", "fusion"]
    assert set(report["provenance"]["estimates"]["fusion"]) == {
        f"{name}_{number}" for name in ("spectral", "clip", NAME) for number in ("weight", "temperature")
    }
    np.testing.assert_allclose(read(tmp_path / "p.tif").sum(axis=0), 1.0, atol=1e-4)
