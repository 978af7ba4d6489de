# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import dataclasses
import json
import pickle
import struct
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network stage needs PyTorch")
pytest.importorskip("safetensors", reason="the network stage needs safetensors")

import torch

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.errors import InputError
from special_qgis.engine.refine.classifier_file import HEADER_KEY, ClassifierCard, encode_classifier, read_classifier
from special_qgis.engine.refine.fixed_norms import recorded_norms
from special_qgis.engine.refine.fusion import NoiseTransitions
from special_qgis.engine.refine.scaling import Scaling
from special_qgis.engine.refine.train import TrainedNetwork, TrainingHistory, class_probabilities
from tests.helpers.seeded_network import seeded_network

N_BANDS, CENTRES_NM = 6, (450.0, 500.0, 550.0, 600.0, 700.0, 800.0)
CLASSES = parse_classes("water: lake #1f78b4; tree; bare soil")


def trained() -> TrainedNetwork:
    rng = np.random.default_rng(1)
    network = seeded_network(N_BANDS, len(CLASSES), 3).eval()
    scaling = Scaling.fit(rng.uniform(0, 3000, (500, N_BANDS)).astype(np.float32), 0.0, 1.0)
    with torch.no_grad(), recorded_norms(network) as norms:
        network(torch.from_numpy(scaling.image(cube(), np.ones((20, 24), bool)))[None])
    return TrainedNetwork(network, scaling, len(CLASSES), NoiseTransitions(len(CLASSES)), TrainingHistory(), norms)


def cube() -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 3000, (N_BANDS, 20, 24)).astype(np.float32)


def card(scaling: Scaling) -> ClassifierCard:
    return ClassifierCard(
        CLASSES,
        CENTRES_NM,
        "reflectance",
        scaling.low,
        scaling.high,
        "pad",
        256,
        32,
        (100, 50, 7),
        {"seed": 3},
        (0, 1, 2),
    )


@pytest.fixture
def content() -> bytes:
    made = trained()
    return encode_classifier(made, card(made.scaling))


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def change_header(content: bytes, change: Callable[[Dict[str, Any]], object]) -> bytes:
    """The file with its card changed."""
    (size,) = struct.unpack("<Q", content[:8])
    outer = json.loads(content[8 : 8 + size])
    inner = json.loads(outer["__metadata__"][HEADER_KEY])
    change(inner)
    outer["__metadata__"][HEADER_KEY] = json.dumps(inner)
    header = json.dumps(outer).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def test_file_gives_back_classes_bands_and_the_network(tmp_path: Path) -> None:
    made = trained()
    found = read_classifier(write(tmp_path / "c.safetensors", encode_classifier(made, card(made.scaling))))
    assert found.card == card(made.scaling)
    np.testing.assert_array_equal(found.scaling.fill, made.scaling.fill)
    valid = np.ones((20, 24), bool)
    ours = class_probabilities(found.network, found.scaling, cube(), valid)
    np.testing.assert_allclose(ours, made.predict(cube(), valid), atol=2e-5)  # the same image: the same statistics


def test_file_of_the_version_before_is_read_with_an_output_for_each_class(tmp_path: Path, content: bytes) -> None:
    old = change_header(content, lambda h: (h.pop("outputs"), h.update(version=1)))
    assert read_classifier(write(tmp_path / "c.safetensors", old)).card.outputs == (0, 1, 2)


def test_file_says_the_same_of_a_pixel_whatever_is_around_it(tmp_path: Path, content: bytes) -> None:
    found = read_classifier(write(tmp_path / "c.safetensors", content))
    plain = np.full((N_BANDS, 32, 32), 900.0, np.float32)
    beside = plain.copy()
    beside[:, 24:] = 2900.0  # later in the sequence, and out of the reach of convolutions
    valid = np.ones((32, 32), bool)
    seen = [class_probabilities(found.network, found.scaling, image, valid)[:, 0, 0] for image in (plain, beside)]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-6)


def test_same_network_gives_the_same_bytes(content: bytes) -> None:
    made = trained()
    assert encode_classifier(made, card(made.scaling)) == content


class _Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("classifier_was_executed"),))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda c: b"", "damaged or no safetensors"),
        (lambda c: c[: len(c) // 2], "damaged or no safetensors"),
        (lambda c: pickle.dumps(_Bomb()), "damaged or no safetensors"),
        (lambda c: change_header(c, lambda h: h.update(version=99)), "version 99"),
        (lambda c: change_header(c, lambda h: h.pop("centres_nm")), "centres_nm"),
        (lambda c: change_header(c, lambda h: h["centres_nm"].reverse()), "out of range"),
        (lambda c: change_header(c, lambda h: h["centres_nm"].pop()), "does not fit together"),
        (lambda c: change_header(c, lambda h: h["classes"].pop()), "pixel counts"),
        (lambda c: change_header(c, lambda h: h.update(low=5000.0, high=1.0)), "scaling is out of range"),
        (lambda c: change_header(c, lambda h: h.update(window_px=10**6)), "window sizes"),
        (lambda c: change_header(c, lambda h: h.update(surprise=1)), "surprise"),
        (lambda c: change_header(c, lambda h: h.update(uneven_sides="x")), "uneven_sides"),
        (lambda c: change_header(c, lambda h: h.update(outputs=[0, 0, 2])), "outputs do not fit"),
    ],
    ids=[
        "empty", "cut off", "pickle", "newer", "no bands", "bands descending", "a band less", "a class less",
        "scaling", "window", "unknown field", "unknown word", "outputs",
    ],
)  # fmt: skip
def test_file_that_is_not_right_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, spoil: Callable[[bytes], bytes], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "bad.safetensors", spoil(content))
    with pytest.raises(InputError, match=words):
        read_classifier(path)
    assert [file.name for file in tmp_path.iterdir()] == ["bad.safetensors"]


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(2)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(InputError, match="of another kind"):
        read_classifier(str(tmp_path / "other.safetensors"))


def test_file_with_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    made = trained()
    with torch.no_grad():
        made.network.detail.bias[0] = float("nan")  # type: ignore[union-attr,index]
    with pytest.raises(InputError, match="not a number"):
        read_classifier(write(tmp_path / "nan.safetensors", encode_classifier(made, card(made.scaling))))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.safetensors does not exist"):
        read_classifier(str(tmp_path / "none.safetensors"))


def test_card_with_counts_that_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="pixel counts"):
        dataclasses.replace(card(trained().scaling), learnt_px=(1,))
