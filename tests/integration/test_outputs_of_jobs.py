# SPDX-License-Identifier: GPL-2.0-or-later
"""Every job with every output: what is asked for is written and means something, or is refused before anything runs."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping

import numpy as np
import pytest
from osgeo import gdal

pytest.importorskip("torch", reason="the network stage needs PyTorch")

from special_qgis.engine.config import OutputConfig, RefineConfig
from special_qgis.engine.errors import ConfigError, EngineError
from special_qgis.engine.jobs import run_job
from special_qgis.engine.progress import NullProgress
from tests.helpers import small_scene

SUFFIXES = {"report": ".html", "classifier": ".safetensors"}
OUTPUTS = tuple(f.name for f in fields(OutputConfig))
NETWORK = RefineConfig(epochs=6, iterations_per_epoch=10, warm_up_epochs=3, tile_px=64, halo_px=16, training_tiles=4)
VARIANTS: Mapping[str, Dict[str, Any]] = {
    "classify with the network": {"job": "classify", "source": "spectral"},
    "classify without the network": {"job": "classify", "source": "spectral", "refine": False},
    "classify by both sources": {"job": "classify", "model": "demo", "refine": False},
    "classify fast": {"job": "classify", "preset": "fast"},
    "refine": {"job": "refine", "labels": "old.tif"},
    "apply": {"job": "apply_classifier", "classifier": "old.safetensors"},
}
POSSIBLE = {  # beside map, confidence, probabilities, report, which every job makes
    "classify with the network": {"pseudo_labels", "classifier"},
    "classify without the network": {"pseudo_labels"},
    "classify by both sources": {"pseudo_labels", "agreement"},
    "classify fast": {"pseudo_labels"},
    "refine": {"pseudo_labels", "classifier"},
    "apply": set(),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    small_scene.write_scene(folder / "scene.tif")
    run_job("classify", _options(folder, folder, "classify with the network", ("classifier",)), NullProgress())
    for path in list(folder.iterdir()):
        if path.name.startswith(("map", "classifier")):
            path.rename(folder / path.name.replace("map", "old").replace("classifier", "old"))
    return folder


def _options(inputs: Path, folder: Path, variant: str, wanted: Any) -> Dict[str, Any]:
    options = {key: value for key, value in VARIANTS[variant].items() if key != "job"}
    options.update({key: str(inputs / options[key]) for key in ("labels", "classifier") if key in options})
    if VARIANTS[variant]["job"] == "classify":
        options["classes"] = small_scene.CLASSES
    if VARIANTS[variant]["job"] != "apply_classifier":
        options["network"] = NETWORK.to_json()
    outputs = {name: str(folder / f"{name}{SUFFIXES.get(name, '.tif')}") for name in {"map", *wanted}}
    return {**options, "scene": {"source": str(inputs / "scene.tif")}, "outputs": outputs}


def _names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def _means_something(name: str, path: Path) -> bool:
    """Whether an output is more than a file of one value."""
    if name in SUFFIXES:
        return path.stat().st_size > 1000
    values = gdal.Open(str(path)).ReadAsArray()
    if name in ("map", "pseudo_labels"):
        return (values == small_scene.truth()).mean() > 0.4
    inside = bool((values >= 0.0).all() and (values <= 1.0).all())
    return inside and float(np.ptp(values)) > 0.0 and float(values.max()) > 0.1


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_output_asked_for_is_written_or_refused_by_name(
    variant: str, output: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECIAL_MODEL_DIR", str(tmp_path.parent / "no models"))
    options = _options(inputs, tmp_path, variant, (output,))
    job = VARIANTS[variant]["job"]
    if output in {"map", "confidence", "probabilities", "report"} | POSSIBLE[variant]:
        result = run_job(job, options, NullProgress())
        assert result[output] == options["outputs"][output]
        assert _means_something(output, Path(result[output]))
    else:
        with pytest.raises(EngineError, match=output):
            run_job(job, options, NullProgress())
        assert _names(tmp_path) == []


@pytest.mark.parametrize("variant", ["refine", "apply"])
def test_outputs_of_another_job_are_taken_where_they_fit_and_refused_where_they_do_not(
    variant: str, inputs: Path, tmp_path: Path
) -> None:
    from special_qgis.engine import config as config_module
    from special_qgis.engine.jobs import JOBS

    kind = getattr(config_module, JOBS[VARIANTS[variant]["job"]].config)
    config = kind.from_json(_options(inputs, tmp_path, variant, ()))
    assert replace(config, outputs=OutputConfig("m.tif", report="r.html")).outputs.report == "r.html"
    with pytest.raises(ConfigError, match=r"outputs\.agreement must be empty"):
        replace(config, outputs=OutputConfig("m.tif", agreement="a.tif"))
