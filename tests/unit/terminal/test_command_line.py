# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's command line: every option reaches its field, results read well, errors and Ctrl-C end cleanly."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import shlex
import signal
from pathlib import Path
from typing import Any, List

import pytest

from special_qgis.engine import config as config_module
from special_qgis.engine.__main__ import main
from special_qgis.engine.config import (
    ApplyConfig,
    AreasConfig,
    AssessConfig,
    ClassifyConfig,
    DownloadModelConfig,
    ImportModelConfig,
    ListModelsConfig,
    PriorJobConfig,
    RefineJobConfig,
    RemoveModelConfig,
    SceneConfig,
    ScenesConfig,
    TrueColourConfig,
)
from special_qgis.engine.files.resources import plugin_version
from special_qgis.engine.jobs import JOBS
from special_qgis.engine.terminal.command_line import parse_arguments
from special_qgis.engine.terminal.console import ConsoleProgress
from special_qgis.engine.terminal.result_text import format_area, format_result
from special_qgis.engine.terminal.shared_options import parse_size
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors

SCENE_WORDS = shlex.split(
    "--wavelengths 400,500 --sensor enmap --bad-bands 1-3 --keep-water-vapour --quantity radiance --mask m.tif "
    "--extent -10 20 30.5 40 --aoi a.gpkg --aoi-layer parts --memory 2G "
    "--mask-meaning nonzero --quality-layers cloud,snow --detector-overlap swir"
)
SCENE = SceneConfig(
    source="s.tif",
    wavelengths="400,500",
    sensor="enmap",
    bad_bands="1-3",
    drop_water_vapour=False,
    quantity="radiance",
    mask="m.tif",
    mask_meaning="nonzero",
    quality_layers="cloud,snow",
    detector_overlap="swir",
    extent=(-10.0, 20.0, 30.5, 40.0),
    aoi="a.gpkg",
    aoi_layer="parts",
    memory_budget_bytes=2 * 2**30,
)
PRIOR_WORDS = ["--no-adapt", "--rounds", "3", "--sample-px", "5000"]
PRIOR = config_module.PriorConfig(adapt=False, n_rounds=3, sample_px=5000)
NETWORK_FIELDS = {field.name for field in dataclasses.fields(config_module.RefineConfig)}
METHOD_FIELDS = {"temperature", "cls_debias", "batch", "low_quantile", "high_quantile"}  # of the image-text model
PRIVATE_FIELDS = NETWORK_FIELDS | METHOD_FIELDS | {"exponent", "classifier"}  # set by the method, or tested by itself


def parse(words: List[str]) -> Any:
    request = parse_arguments(words, "1.2.3")
    return getattr(config_module, JOBS[request.job].config).from_json(request.options)


def differing_fields(config: Any, default: Any) -> set[str]:
    """Names of fields, nested ones included, whose values differ."""
    names = set()
    for field in dataclasses.fields(config):
        value, other = getattr(config, field.name), getattr(default, field.name)
        if dataclasses.is_dataclass(value):
            names |= differing_fields(value, other)
        elif value != other:
            names.add(field.name)
    return names


def all_fields(config: Any) -> set[str]:
    """Names of fields, nested ones included."""
    names = set()
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        names |= all_fields(value) if dataclasses.is_dataclass(value) else {field.name}
    return names


def test_classify_every_option_reaches_its_field() -> None:
    words = ["classify", "s.tif", *SCENE_WORDS, *PRIOR_WORDS, "--classes", "a; b", "--output", "m.tif"]
    words += shlex.split("--confidence c.tif --probabilities p.tif --report r.html --source spectral --preset fast")
    words += shlex.split("--device cpu --seed 7 --min-confidence 0.25 --no-refine --pseudo-labels l.tif")
    words += shlex.split("--agreement a.tif --model m --upsampler u --models-folder f --templates openai --no-aliases")
    words += shlex.split("--height h.tif --terrain t.tif")
    words += shlex.split("--scales 1,4 --window 96 --stride 32 --upsampling bilinear --blending mean --tolerance 0.01")
    words += ["--precision", "float32", "--compile"]
    expected = ClassifyConfig(
        scene=SCENE,
        classes="a; b",
        outputs=config_module.OutputConfig("m.tif", "c.tif", "p.tif", "r.html", "l.tif", agreement="a.tif"),
        source="spectral",
        preset="fast",
        device="cpu",
        seed=7,
        min_confidence=0.25,
        refine=False,
        model="m",
        upsampler="u",
        models_folder="f",
        height="h.tif",
        terrain="t.tif",
        clip=config_module.ClipConfig(
            window_px=96,
            stride_px=32,
            scales=(1.0, 4.0),
            blending="mean",
            upsampler="bilinear",
            templates="openai",
            use_aliases=False,
            tolerance=0.01,
            precision="float32",
            compile=True,
        ),
        prior=PRIOR,
    )
    assert parse(words) == expected
    default = ClassifyConfig(SceneConfig("x"), "x")
    assert differing_fields(expected, default) == all_fields(default) - PRIVATE_FIELDS  # a new field needs an option


def test_scenes_every_option_reaches_its_field() -> None:
    words = ["scenes", "lines", "*.dat", "--output-folder", "out", "--classes", "a;b", "--outputs", "report, agreement"]
    words += ["--workers", "3", "--retries", "1", "--no-resume", "--no-mosaic", "--source", "spectral", "--no-refine"]
    words += ["--preset", "paper", "--seed", "7", "--device", "cpu", "--min-confidence", "0.2", "--model", "m"]
    request = parse_arguments([*words, *SCENE_WORDS, *PRIOR_WORDS], "0")
    assert request.job == "scenes"
    config = ScenesConfig.from_json(request.options)
    assert (config.scenes, config.output_folder, config.outputs) == (("lines", "*.dat"), "out", ("report", "agreement"))
    assert (config.workers, config.retries, config.resume, config.mosaic) == (3, 1, False, False)
    assert config.classify == ClassifyConfig(
        scene=dataclasses.replace(SCENE, source="*"),
        classes="a;b",
        source="spectral",
        refine=False,
        preset="paper",
        seed=7,
        device="cpu",
        min_confidence=0.2,
        model="m",
        prior=PRIOR,
    )


@pytest.mark.parametrize(
    ("words", "outputs"),
    [
        pytest.param([], ScenesConfig.outputs, id="default"),
        pytest.param(["--outputs", "all"], config_module.OUTPUT_CHOICES, id="all"),
        pytest.param(["--outputs", "none"], (), id="none"),
    ],
)
def test_scenes_outputs_in_a_word_are_lists_of_them(words: List[str], outputs: Any) -> None:
    request = parse_arguments(["scenes", "a.dat", "--output-folder", "out", "--classes", "a;b", *words], "0")
    assert ScenesConfig.from_json(request.options) == ScenesConfig(
        ("a.dat",), "out", ClassifyConfig(SceneConfig("*"), "a;b"), outputs=outputs
    )


def test_scenes_unknown_output_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["scenes", "a", "--output-folder", "o", "--classes", "a;b", "--outputs", "maps"], "0")
    assert "'maps' is none of confidence" in capsys.readouterr().err


def test_classify_saves_a_classifier_where_asked() -> None:
    found = parse(shlex.split("classify s.tif --classes 'a; b' --output m.tif --save-classifier c.safetensors"))
    assert found.outputs == config_module.OutputConfig(map="m.tif", classifier="c.safetensors")


def test_refine_every_option_reaches_its_field() -> None:
    words = ["refine", "s.tif", *SCENE_WORDS, "--labels", "old.tif", "--classes", "a; b", "--output", "m.tif"]
    words += shlex.split("--confidence c.tif --probabilities p.tif --report r.html --save-classifier k.safetensors")
    words += shlex.split("--device cpu --seed 7 --min-confidence 0.25 --preset paper --label-confidence q.tif")
    expected = RefineJobConfig(
        scene=SCENE,
        labels="old.tif",
        label_confidence="q.tif",
        classes="a; b",
        outputs=config_module.RefineOutputConfig("m.tif", "c.tif", "p.tif", "r.html", "", "k.safetensors"),
        preset="paper",
        device="cpu",
        seed=7,
        min_confidence=0.25,
        assumed_confidence=0.5,
    )
    assert parse([*words, "--assumed-confidence", "0.5"]) == expected
    default = RefineJobConfig(SceneConfig("x"), "x")
    assert differing_fields(expected, default) == all_fields(default) - NETWORK_FIELDS - {"pseudo_labels", "agreement"}


def test_import_every_option_reaches_its_field() -> None:
    words = shlex.split("import p.he5 --output o.tif --mask k.tif --quality-layers none --detector-overlap both")
    assert parse(words) == config_module.ImportProductConfig("p.he5", "o.tif", "k.tif", "none", "both")


def test_apply_every_option_reaches_its_field() -> None:
    words = ["apply", "s.tif", *SCENE_WORDS, "--classifier", "k.safetensors", "--output", "m.tif"]
    words += shlex.split("--confidence c.tif --probabilities p.tif --report r.html --device cpu --min-confidence 0.25")
    outputs = config_module.MapOutputConfig("m.tif", "c.tif", "p.tif", "r.html")
    assert parse(words) == ApplyConfig(SCENE, "k.safetensors", outputs, "cpu", 0.25)


BARE_SCENE = SceneConfig("s.tif")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "refine s.tif --labels l.tif --output m.tif",
            RefineJobConfig(BARE_SCENE, "l.tif", outputs=config_module.RefineOutputConfig("m.tif")),
        ),
        (
            "apply s.tif --classifier c.safetensors --output m.tif",
            ApplyConfig(BARE_SCENE, "c.safetensors", config_module.MapOutputConfig("m.tif")),
        ),
        ("prior s.tif --classes 'a; b' --output p.tif", PriorJobConfig(BARE_SCENE, "a; b", "p.tif")),
        ("rgb s.tif --output r.tif", TrueColourConfig(BARE_SCENE, "r.tif")),
        ("inspect s.tif", BARE_SCENE),
        ("assess m.tif --reference r.tif", AssessConfig("m.tif", "r.tif")),
        ("models list", ListModelsConfig()),
        ("models import c.pt", ImportModelConfig("c.pt")),
        ("models download openai-vit-b-16", DownloadModelConfig("openai-vit-b-16")),
        ("models remove mine", RemoveModelConfig("mine")),
    ],
    ids=lambda value: value.partition(" --")[0] if isinstance(value, str) else "",
)
def test_command_without_options_gives_the_defaults_of_the_configuration(words: str, expected: Any) -> None:
    assert parse(shlex.split(words)) == expected


def test_classify_no_options_gives_the_defaults_of_the_configuration() -> None:
    found = parse(["classify", "s.tif", "--classes", "a; b", "--output", "m.tif"])
    assert found == ClassifyConfig(SceneConfig("s.tif"), "a; b", config_module.OutputConfig(map="m.tif"))


def test_prior_options_reach_their_fields() -> None:
    words = ["prior", "s.tif", *SCENE_WORDS, *PRIOR_WORDS, "--classes", "a; b", "--output", "p.tif"]
    words += ["--preset", "fast", "--seed", "7"]
    assert parse(words) == PriorJobConfig(SCENE, "a; b", "p.tif", "fast", 7, PRIOR)
    assert parse([*shlex.split("prior s.tif --output p.tif --classes"), "a; b"]) == PriorJobConfig(
        SceneConfig("s.tif"), "a; b", "p.tif"
    )


def test_rgb_options_reach_their_fields() -> None:
    words = ["rgb", "s.tif", *SCENE_WORDS, *shlex.split("--output o.tif --red 600 --green 500 --blue 400 --seed 3")]
    words += ["--quantiles", "0.1", "0.9"]
    assert parse(words) == TrueColourConfig(SCENE, "o.tif", 600.0, 500.0, 400.0, 0.1, 0.9, 3)
    assert parse(shlex.split("rgb s.tif --output o.tif")) == TrueColourConfig(SceneConfig("s.tif"), "o.tif")


def test_inspect_options_reach_their_fields() -> None:
    assert parse(["inspect", "s.tif", *SCENE_WORDS]) == SCENE
    assert parse(["inspect", "s.tif"]) == SceneConfig("s.tif")


def test_models_options_reach_their_fields() -> None:
    words = shlex.split("--name n --sha256 h --architecture a --licence l --folder d")
    assert parse(["models", "list", "--folder", "d"]) == ListModelsConfig("d")
    assert parse(["models", "import", "f", *words]) == ImportModelConfig("f", "n", "h", "a", "l", "d")
    download = parse(["models", "download", "m", "--proxy", "p", *words])
    assert download == DownloadModelConfig("m", "n", "h", "a", "l", "p", "d")
    assert parse(["models", "remove", "n", "--folder", "d"]) == RemoveModelConfig("n", "d")
    assert parse(["models", "import", "f"]) == ImportModelConfig("f")


def test_models_are_imported_listed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = write_safetensors(tmp_path / "x.safetensors", clip_shapes()), str(tmp_path / "models")
    assert main(["models", "import", str(source), "--folder", folder, "--name", "mine", "--licence", "CC0"]) == 0
    assert "x.safetensors" in capsys.readouterr().out
    assert main(["models", "list", "--folder", folder]) == 0
    shown = capsys.readouterr().out
    for part in ("taken when none is named: mine", "CC0", "openai-vit-b-16", "https://github.com/openai/CLIP"):
        assert part in shown
    assert main(["models", "list", "--folder", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["name"] == "mine"
    assert main(["models", "remove", "mine", "--folder", folder]) == 0
    capsys.readouterr()
    assert main(["models", "remove", "mine", "--folder", folder]) == 1
    assert "no model 'mine'" in capsys.readouterr().err


def test_assess_options_reach_their_fields() -> None:
    words = "assess m.tif --reference r.gpkg --layer l --field f --report r.html --table t.csv --confidence-level 0.9"
    assert parse(shlex.split(words)) == AssessConfig("m.tif", "r.gpkg", "l", "f", "r.html", "t.csv", 0.9)
    assert parse(shlex.split("assess m.tif --reference r.tif")) == AssessConfig("m.tif", "r.tif")


def test_areas_every_option_reaches_its_field() -> None:
    words = "areas m.tif --polygons p.gpkg --layer l --field f --measure crs --confidence c.tif --accuracy a.json"
    words += " --report r.html --table t.csv --vector v.gpkg --confidence-level 0.9"
    expected = AreasConfig(
        "m.tif", "p.gpkg", "l", "f", "crs", "c.tif", "a.json", "r.html", "t.csv", "v.gpkg", confidence_level=0.9
    )
    assert parse(shlex.split(words)) == expected
    default = AreasConfig("m.tif")
    assert differing_fields(expected, default) == all_fields(default) - {"map"}  # a new field needs an option
    assert parse(["areas", "m.tif"]) == default


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("1000", 1000), ("4k", 4096), ("512M", 2**29), ("1.5G", 1610612736), ("2 GiB", 2**31), ("3MB", 3 * 2**20)],
)
def test_parse_size_units(text: str, n_bytes: int) -> None:
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "M", "12T", "-1", "1e9"])
def test_parse_size_nonsense_raises(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a size"):
        parse_size(text)


def test_version_is_that_of_the_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--version"], plugin_version())
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"SPECIAL {plugin_version()}\n"


@pytest.mark.parametrize(
    ("area_m2", "text"),
    [(None, "-"), (0.0, "0.00 m²"), (25.0, "25.00 m²"), (12345.0, "1.23 ha"), (2.5e9, "2,500.00 km²")],
)
def test_format_area_takes_the_unit_that_fits(area_m2: float, text: str) -> None:
    assert format_area(area_m2) == text


def test_format_result_classify_is_a_table_of_classes() -> None:
    result = {
        "class_areas": {
            "water": {"id": 1, "count": 1000, "share": 0.25, "area_m2": 1e6},
            "class 2": {"id": 2, "count": 3000, "share": 0.75, "area_m2": None},
        },
        "mean_confidence": 0.5,
        "changed_share": 0.025,
        "map": "/m.tif",
        "confidence": "",
        "probabilities": "",
        "pseudo_labels": "/l.tif",
        "classifier": "",
        "report": "/r.html",
    }
    assert format_result("classify", result) == (
        "id  class    pixels  share      area\n"
        " 1  water     1,000  25.0%  1.00 km²\n"
        " 2  class 2   3,000  75.0%         -\n"
        "\n"
        "mean confidence 0.500\n"
        "the network changed 2.5% of the pixels\n"
        "map /m.tif\n"
        "pseudo labels /l.tif\n"
        "report /r.html\n"
    )


@pytest.mark.parametrize("is_adjusted", [False, True], ids=["mapped", "adjusted"])
def test_format_result_areas_is_a_table_of_classes(is_adjusted: bool) -> None:
    water = {"area_m2": 0.9e6, "area_margin_m2": 1e5}
    result = {
        "class_areas": {
            "water": {"count": 1000, "share": 0.25, "area_m2": 1e6},
            "roof": {"count": 3000, "share": 0.75, "area_m2": 3e6},
        },
        "area_adjusted": {"per_class": {"water": water}} if is_adjusted else None,
        "measured_on": "ellipsoid WGS 84",
        "report": "",
        "table": "/t.csv",
        "vector": "",
    }
    table = (
        "class  pixels  share      area  adjusted         ±\n"
        "water   1,000  25.0%  1.00 km²  90.00 ha  10.00 ha\n"
        "roof    3,000  75.0%  3.00 km²         -         -\n"
        if is_adjusted
        else "class  pixels  share      area\nwater   1,000  25.0%  1.00 km²\nroof    3,000  75.0%  3.00 km²\n"
    )
    assert format_result("areas", result) == table + "\nmeasured on ellipsoid WGS 84\ntable /t.csv\n"


def test_format_result_without_a_format_of_its_own_lists_fields() -> None:
    text = format_result("inspect_scene", {"bands": 3, "note": "", "long": list(range(200))})
    assert text.startswith("bands  3\n")
    assert "note" not in text
    assert text.endswith(" ...\n")


def test_console_log_file_gets_a_line_every_ten_percent() -> None:
    stream = io.StringIO()
    console = ConsoleProgress(stream)
    for step in range(1001):
        console.report(step / 1000, "mapping")
    lines = stream.getvalue().splitlines()
    assert 10 <= len(lines) <= 12
    assert lines[-1] == "100% mapping"


def test_console_terminal_redraws_one_line_and_starts_a_new_one_for_messages() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    console = ConsoleProgress(stream)
    console.report(0.5, "mapping")
    console.warn("no CRS")
    console.report(1.0)
    console.close()
    text = stream.getvalue()
    assert text.startswith("\r[############............]  50% mapping")
    assert "\nWarning: no CRS\n" in text
    assert text.endswith("\n")
    assert text.count("\r") == 2


def test_main_missing_scene_exits_with_1_message_hint_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], restored_signals: None
) -> None:
    output = tmp_path / "map.tif"
    words = ["classify", str(tmp_path / "nö.tif"), "--classes", "water; tree", "--output", str(output)]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error: " in captured.err
    assert "nö.tif" in captured.err
    assert "Traceback" not in captured.err
    assert not output.exists()


@pytest.fixture
def restored_signals() -> Any:
    """Signal handlers as they were, after a test of ``main``."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_main_real_scene_maps_and_prints_json(
    scenes_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], restored_signals: None
) -> None:
    output = tmp_path / "map ü.tif"
    words = ["classify", str(scenes_dir / "samson" / "samson.tif"), "--json", "--no-refine", "--output", str(output)]
    assert main([*words, "--classes", str(scenes_dir / "samson" / "classes.txt")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["map"] == str(output)
    assert output.exists()
    assert result["classified_px"] == sum(figures["count"] for figures in result["class_areas"].values())
