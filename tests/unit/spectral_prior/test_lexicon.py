# SPDX-License-Identifier: GPL-2.0-or-later
"""The lexicon: its data, and how names are read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.spectral_prior.lexicon import Lexicon, load_lexicon, normalise, singular, words_of
from special_qgis.engine.spectral_prior.rules import RULES


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


def test_lexicon_every_group_has_a_rule_and_a_name(lexicon):
    used = {group for entry in lexicon.entries.values() for group in entry.groups}
    coloured = {group for groups in lexicon.colours.values() for group in groups}
    assert used | coloured == set(RULES) == set(lexicon.groups)


def test_lexicon_weights_of_every_term_sum_to_one(lexicon):
    weights = [*(entry.groups for entry in lexicon.entries.values()), *lexicon.colours.values()]
    assert all(sum(groups.values()) == pytest.approx(1.0) and min(groups.values()) > 0 for groups in weights)


def test_lexicon_every_term_is_found_as_written(lexicon):
    assert [term for term in lexicon.entries if " ".join(words_of(normalise(term))) != term] == []


def test_lexicon_terms_appear_once(repository):
    data = json.loads((repository / "resources" / "lexicon.json").read_text(encoding="utf-8"))
    terms = [term for entry in data["entries"] for term in entry["terms"]]
    assert len(terms) > 1000
    assert sorted({term for term in terms if terms.count(term) > 1}) == []


@pytest.mark.parametrize(
    ("name", "heaviest"),
    [
        ("water", "water"), ("Rivers", "water"), ("swimming pools", "water"), ("trees", "tree"), ("woods", "tree"),
        ("lawn", "grass"), ("meadows", "grass"), ("cropland", "crop"), ("corn-notill", "crop"), ("bare soil", "soil"),
        ("ploughed fields", "soil"), ("plowed field", "soil"), ("beaches", "sand"), ("gravel", "rock"),
        ("motorway", "asphalt"), ("car parks", "asphalt"), ("parking lot 1", "asphalt"), ("kerb", "asphalt"),
        ("sidewalk", "concrete"), ("self-blocking bricks", "concrete"), ("bitumen", "bitumen"), ("brick", "tile"),
        ("painted metal sheets", "metal"), ("aluminium roof", "metal"), ("aluminum roof", "metal"),
        ("greenhouses", "white"), ("artificial turf", "turf"), ("glacier", "snow"), ("burnt area", "burnt"),
        ("burned areas", "burnt"), ("shadows", "shadow"), ("stubble", "dry"), ("harbour", "water"), ("harbor", "water"),
        ("gray roof", "slate"), ("grey roof", "slate"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_lookup_common_name_is_its_material(lexicon, name, heaviest):
    assert next(iter(lexicon.lookup(name))) == heaviest


@pytest.mark.parametrize(
    ("phrase", "word"),
    [("artificial turf", "turf"), ("bare soil", "bare"), ("green roof", "roof"), ("dry grass", "grass"),
     ("water spinach", "water"), ("unpaved parking lot", "parking lot"), ("dead trees", "trees")],
)  # fmt: skip
def test_lookup_phrase_wins_over_its_words(lexicon, phrase, word):
    assert lexicon.lookup(phrase) == dict(lexicon.entries[" ".join(words_of(normalise(phrase)))].groups)
    if phrase != "bare soil":
        assert lexicon.lookup(phrase) != lexicon.lookup(word)


@pytest.mark.parametrize(
    ("name", "same_as"),
    [("dark water", "water"), ("asphalt road", "asphalt"), ("red tiled roof", "tile"), ("concrete bridge", "concrete"),
     ("roof (metal)", "metal roof"), ("Bare soil (school)", "bare soil"), ("body of water", "water"),
     ("weeds in farmland", "weeds"), ("street trees", "trees"), ("tree shadow", "shadow"), ("red house", "tile"),
     ("corn field", "corn"), ("red soil", "soil"), ("ice and snow", "snow"), ("Manmade (red)", "red building"),
     ("wall without windows", "wall")],
)  # fmt: skip
def test_lookup_head_noun_and_its_modifier_decide(lexicon, name, same_as):
    assert lexicon.lookup(name) == lexicon.lookup(same_as)


@pytest.mark.parametrize(
    ("name", "heaviest"),
    [
        ("senesced corn", "dry"), ("dry corn", "dry"), ("dead corn", "dry"), ("corn, dead", "dry"),
        ("corn (dry)", "dry"),
        ("corn stubble", "dry"), ("harvested wheat", "dry"), ("ploughed wheat", "soil"), ("dead oak", "dry"),
        ("withered grass", "dry"), ("irrigated pasture", "grass"), ("flooded forest", "water"),
        ("forest flooded", "water"),
        ("burnt forest", "burnt"), ("burned wheat", "burnt"), ("snow-covered roof", "snow"), ("shaded lawn", "shadow"),
        ("grass in shadow", "shadow"),
        ("roof covered with snow", "snow"), ("trees under snow", "snow"), ("dry river", "soil"),
        ("frozen pond", "snow"),
        ("deforested woodland", "soil"), ("rusty metal", "tile"), ("overgrown gravel", "grass"),
        ("unharvested wheat", "crop"), ("non-irrigated wheat", "crop"), ("dense forest", "tree"),
        ("wet grass", "grass"),
    ],
    ids=lambda value: value,
)  # fmt: skip
def test_lookup_modifier_changes_what_a_name_is_made_of(lexicon, name, heaviest):
    assert next(iter(lexicon.lookup(name))) == heaviest


@pytest.mark.parametrize("word", ["sparse", "young", "stressed", "thin"])
def test_lookup_modifier_of_degree_mixes(lexicon, word):
    groups = lexicon.lookup(f"{word} wheat")
    assert groups["crop"] < lexicon.lookup("wheat")["crop"]
    assert groups.get("soil", 0.0) + groups.get("dry", 0.0) > 0.25


def test_lookup_modifier_without_effect_on_a_material_leaves_it(lexicon):
    assert lexicon.lookup("dry asphalt") == lexicon.lookup("asphalt")
    assert lexicon.lookup("young water") == lexicon.lookup("water")


def test_lexicon_modifiers_give_known_groups_and_sum_to_one(lexicon):
    for modifier in lexicon.modifiers.values():
        for group, parts in modifier.turns.items():
            assert group == "*" or group in lexicon.groups
            assert set(parts) <= {"=", *lexicon.groups}
            assert sum(parts.values()) == pytest.approx(1.0)
    assert set(lexicon.places.values()) <= set(lexicon.modifiers)


def test_lexicon_modifiers_and_neutral_words_are_found_as_written(lexicon):
    terms = [*lexicon.modifiers, *lexicon.neutral]
    assert [term for term in terms if " ".join(words_of(normalise(term))) != term] == []


@pytest.mark.parametrize(
    ("name", "passed_over"),
    [("purplish wobbly corn", ("purplish", "wobbly")), ("corn", ()), ("senesced corn", ()),
     ("large mixed forest area", ()),
     ("roof with gravel", ()), ("trees and qwertz", ("qwertz",)), ("wall without qwertz", ()), ("qwertz", ())],
)  # fmt: skip
def test_read_words_that_nothing_knows_are_told(lexicon, name, passed_over):
    assert lexicon.read(name).passed_over == passed_over


@pytest.mark.parametrize("folder", ["resources/class_presets.json"])
def test_read_every_preset_name_is_known_as_a_whole(lexicon, repository, folder):
    presets = json.loads((repository / folder).read_text(encoding="utf-8"))["presets"]
    names = [one.split(":")[0].strip() for preset in presets for one in preset["classes"].split("\n")]
    assert [name for name in names if lexicon.lookup(name) is None or lexicon.read(name).passed_over] == []


def test_lookup_parts_count_equally(lexicon):
    both = lexicon.lookup("tree / water")
    assert both == {"tree": 0.5, "water": 0.5}


@pytest.mark.parametrize("name", ["tree", "TREES", "  Trees ", "tree_", "-tree-", "trée", "tree 3"])
def test_lookup_case_number_hyphen_and_accents_do_not_matter(lexicon, name):
    assert lexicon.lookup(name) == {"tree": 1.0}


@pytest.mark.parametrize(
    "name", ["", "qwertz", "other", "no vegetation", "class 7", "水", "()", "a / b", "area without trees"]
)
def test_lookup_unknown_name_is_none(lexicon, name):
    assert lexicon.lookup(name) is None


@pytest.mark.parametrize(("typed", "meant"), [("watr", "water"), ("gras", "grass"), ("concret", "concrete")])
def test_suggest_typing_error_names_the_near_word(lexicon, typed, meant):
    assert lexicon.suggest(typed) == meant


@pytest.mark.parametrize(
    ("plural", "one"),
    [("trees", "tree"), ("grasses", "grass"), ("bushes", "bush"), ("beaches", "beach"), ("leaves", "leaf"),
     ("quarries", "quarry"), ("houses", "house"), ("buses", "bus"), ("potatoes", "potato"), ("grass", "grass"),
     ("asparagus", "asparagus"), ("sea", "sea"), ("roofs", "roof")],
)  # fmt: skip
def test_singular_english_plural_is_reduced(plural, one):
    assert singular(plural) == one


@given(st.text(max_size=40))
def test_lookup_any_text_gives_weights_or_none(name):
    groups = load_lexicon().lookup(name)
    assert groups is None or sum(groups.values()) == pytest.approx(1.0)
