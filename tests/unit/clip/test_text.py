# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("open_clip", reason="the first stage needs the runtime with PyTorch and open_clip")

import torch
from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES
from torch.nn import functional

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.classes.text import comparison_key
from special_qgis.engine.clip.loaded_clip import LoadedClip
from special_qgis.engine.clip.prompts import class_queries, fill_templates, shipped_aliases
from special_qgis.engine.clip.text import embed_classes, encode_prompts
from special_qgis.engine.clip.text_cache import TextCache
from special_qgis.engine.config import ClipConfig
from special_qgis.engine.errors import Cancelled, ConfigError
from special_qgis.engine.files.resources import resource_path
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.spectral_prior.lexicon import load_lexicon
from tests.helpers.clip_models import tiny_clip, tokenizer
from tests.helpers.listener import Listener

CLASSES = parse_classes("water: river; Trees; bare soil")
OPENAI, REMOTE_SENSING = (ClipConfig(templates=name, use_aliases=False) for name in ("openai", "remote_sensing"))


@torch.no_grad()
@pytest.mark.parametrize("context", [pytest.param(77, id="as OpenAI's"), pytest.param(24, id="short")])
def test_prompts_are_encoded_as_open_clip_does(context: int) -> None:
    model, words = tiny_clip(context=context), tokenizer(context)
    prompts = ["water", "a very long prompt about water " * 5, "a photo of a tree."]
    wanted = model.encode_text(words(prompts))
    torch.testing.assert_close(encode_prompts(model, words, prompts), wanted, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_embedding_is_the_normalised_mean_of_normalised_prompts() -> None:
    model, words = tiny_clip(), tokenizer()
    found = embed_classes(LoadedClip(model, words), CLASSES, OPENAI)
    for query, word in enumerate(("water", "river", "Trees", "bare soil")):
        prompts = [template(word) for template in OPENAI_IMAGENET_TEMPLATES]
        wanted = functional.normalize(functional.normalize(model.encode_text(words(prompts)), dim=1).mean(0), dim=0)
        np.testing.assert_allclose(found.queries[query], wanted.numpy(), atol=1e-5)
    assert found.queries.dtype == np.float32
    assert found.class_of_query.tolist() == [0, 0, 1, 2]
    assert found.n_classes == 3
    assert found.words == ("water", "river", "Trees", "bare soil")


def test_template_sets_have_the_published_eighty_and_ours() -> None:
    openai, ours, both = (fill_templates("water", name) for name in ("openai", "remote_sensing", "both"))
    assert len(openai) == 80
    assert "a bad photo of a water." in openai
    assert "a satellite image of water." in ours
    assert both == openai + ours
    assert len(set(both)) == len(both)


def test_template_set_that_is_unknown_is_refused() -> None:
    with pytest.raises(ConfigError, match="one of both, openai, remote_sensing"):
        fill_templates("water", "mine")


def test_aliases_of_the_dictionary_follow_those_of_the_user() -> None:
    assert class_queries(CLASSES) == (
        ("water", "river", "lake", "pond"),
        ("Trees", "forest", "woodland"),
        ("bare soil", "bare ground", "bare earth", "dirt"),
    )
    assert class_queries(CLASSES, use_aliases=False) == (("water", "river"), ("Trees",), ("bare soil",))


def test_alias_that_another_class_has_is_left_out() -> None:
    words = class_queries(parse_classes("grass; meadows; trees: woodlands; building; houses"))
    assert words[0] == ("grass", "lawn", "grassland")
    assert words[1] == ("meadows", "pasture")
    assert words[2] == ("trees", "woodlands", "forest")
    assert words[3] == ("building", "roof", "rooftop")


def test_aliases_are_found_whatever_the_case_and_number() -> None:
    assert shipped_aliases("BARE-SOILS") == shipped_aliases("bare soil") != ()
    assert shipped_aliases("Wasser") == ()


def test_shipped_prompts_are_well_formed() -> None:
    content = json.loads(resource_path("prompts.json").read_text(encoding="utf-8"))
    assert all(template.count("{}") == 1 for template in content["remote_sensing"])
    lexicon = load_lexicon()
    for name, aliases in content["aliases"].items():
        assert lexicon.lookup(name) is not None, name
        assert len({comparison_key(word) for word in (name, *aliases)}) == len(aliases) + 1
        known = lexicon.lookup(name)
        for alias in aliases:
            shared = set(known or {}) & set(lexicon.lookup(alias) or {})
            assert shared, f"{alias} is made of nothing that {name} is made of"


class CountingTokenizer:
    """Counts the prompts that reach the model."""

    def __init__(self) -> None:
        self.n_prompts = 0

    def __call__(self, prompts: Any) -> Any:
        self.n_prompts += len(prompts)
        return tokenizer()(prompts)


def test_cache_serves_the_second_run(tmp_path: Path) -> None:
    model, counting = tiny_clip(), CountingTokenizer()
    folder = tmp_path / "made when needed"
    first = embed_classes(LoadedClip(model, counting, "abc"), CLASSES, OPENAI, folder)
    assert counting.n_prompts == 4 * 80
    second = embed_classes(LoadedClip(model, counting, "abc"), CLASSES, OPENAI, folder)
    assert counting.n_prompts == 4 * 80
    np.testing.assert_array_equal(first.queries, second.queries)
    assert sorted(path.suffix for path in folder.iterdir()) == [".embedding"] * 4


def test_cache_of_another_checkpoint_or_template_set_is_not_used(tmp_path: Path) -> None:
    model, counting = tiny_clip(), CountingTokenizer()
    embed_classes(LoadedClip(model, counting, "abc"), CLASSES, OPENAI, tmp_path)
    embed_classes(LoadedClip(model, counting, "def"), CLASSES, OPENAI, tmp_path)
    embed_classes(LoadedClip(model, counting, "abc"), CLASSES, REMOTE_SENSING, tmp_path)
    assert counting.n_prompts == 2 * 4 * 80 + 4 * 20


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="cut off"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="one bit"),
    ],
)
def test_cache_entry_that_is_damaged_is_computed_anew(tmp_path: Path, damage: Any) -> None:
    model, counting, listener = tiny_clip(), CountingTokenizer(), Listener()
    wanted = embed_classes(LoadedClip(model, counting, "abc"), CLASSES, OPENAI, tmp_path)
    damaged = TextCache(tmp_path, "abc", listener).path(fill_templates("Trees", "openai"))
    damaged.write_bytes(damage(damaged.read_bytes()))
    again = embed_classes(LoadedClip(model, counting, "abc"), CLASSES, OPENAI, tmp_path, listener)
    assert counting.n_prompts == 5 * 80
    np.testing.assert_array_equal(again.queries, wanted.queries)
    assert any("damaged" in text for text in listener.infos)
    embed_classes(LoadedClip(model, counting, "abc"), CLASSES, OPENAI, tmp_path, listener)
    assert counting.n_prompts == 5 * 80


def test_cache_folder_that_cannot_be_made_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    listener = Listener()
    found = embed_classes(
        LoadedClip(tiny_clip(), tokenizer(), "abc"), CLASSES, REMOTE_SENSING, tmp_path / "file", listener
    )
    assert len(found.words) == 4
    assert len([text for text in listener.infos if "cannot be kept" in text]) == 1


def test_model_that_gives_no_numbers_is_refused() -> None:
    model = tiny_clip()
    with torch.no_grad():
        model.ln_final.weight.fill_(float("nan"))
    with pytest.raises(ConfigError, match="no usable embedding"):
        embed_classes(LoadedClip(model, tokenizer()), CLASSES, ClipConfig())


def test_embedding_when_cancelled_stops() -> None:
    listener = Listener(cancel_on="Encoding")
    counting = CountingTokenizer()
    with pytest.raises(Cancelled):
        embed_classes(LoadedClip(tiny_clip(), counting), CLASSES, ClipConfig(), progress=listener)
    assert counting.n_prompts == 0


def test_embedding_reports_how_far_it_is() -> None:
    listener = Listener()
    embed_classes(LoadedClip(tiny_clip(), tokenizer()), CLASSES, REMOTE_SENSING, progress=listener)
    fractions = [fraction for fraction, _ in listener.progress]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    NullProgress().report(1.0)
