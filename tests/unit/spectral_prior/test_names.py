# SPDX-License-Identifier: GPL-2.0-or-later
"""What the spectral prior makes of class lists: aliases, unknown names, names that cannot be separated."""

from __future__ import annotations

import pytest

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.spectral_prior import interpret


def test_interpret_plain_names_no_warning_and_readable_text():
    found = interpret(parse_classes("water; roof; tree"))
    assert found.warnings == ()
    assert found.inseparable == ()
    assert found.n_known == 3
    assert found.classes[0].text == "water → water"
    assert found.classes[1].text.startswith("roof → clay tile or brick, ")
    assert found.classes[1].text.endswith(", …")


def test_interpret_synonyms_as_aliases_change_nothing():
    plain, with_aliases = (interpret(parse_classes(text)) for text in ("water; tree", "water: river, lake; tree"))
    assert plain.classes[0].groups == with_aliases.classes[0].groups


def test_interpret_alias_of_another_material_widens_the_class():
    groups = interpret(parse_classes("sealed ground: asphalt, concrete; tree")).classes[0].groups
    assert sum(groups.values()) == pytest.approx(1.0)
    assert {"asphalt", "concrete"} <= set(groups)


def test_interpret_unknown_name_with_known_alias_is_known():
    found = interpret(parse_classes("maquis xyz; phrygana: shrub; tree"))
    assert [one.known for one in found.classes] == [True, True, True]
    found = interpret(parse_classes("zzz; phrygana: shrub; tree"))
    assert [one.known for one in found.classes] == [False, True, True]


def test_interpret_unknown_name_warns_with_what_to_do():
    found = interpret(parse_classes("watr; tree"))
    assert found.n_known == 1
    assert found.classes[0].groups == {}
    assert len(found.warnings) == 1
    assert "does not know “watr”" in found.warnings[0]
    assert "If “water” is meant, type “" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("road; tree; parking lot", ((1, 3),)),
        ("roof; building; tree; lawn; meadow", ((1, 2), (4, 5))),
        ("tree; grass; soil; water; shadow; metal roof; artificial turf; asphalt; brick", ()),
        ("corn; soybean; wheat; water", ((1, 2, 3),)),
    ],
)
def test_interpret_names_of_the_same_materials_are_inseparable(text, sets):
    found = interpret(parse_classes(text))
    assert found.inseparable == sets
    assert found.similar == ()
    assert len(found.warnings) == len(sets)
    for ids in sets:
        groups = [found.classes[class_id - 1].groups for class_id in ids]
        assert all(one == groups[0] for one in groups)


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("roof; pavement; low vegetation; tree; bare soil; water", ((1, 2),)),
        ("asphalt; tree; bitumen", ((1, 3),)),
        ("corn; grass; water", ((1, 2),)),
        ("tree; shrub; water", ((1, 2),)),
        ("water; tree; grass; bare soil; asphalt; red tile roof; concrete roof", ()),
    ],
)
def test_interpret_names_of_similar_materials_are_told(text, sets):
    found = interpret(parse_classes(text))
    assert found.similar == sets
    assert found.inseparable == ()
    assert [("poorly" in warning) for warning in found.warnings] == [True] * len(sets)
    if sets:
        groups = [found.classes[class_id - 1].groups for class_id in sets[0]]
        assert groups[0] != groups[1]


def test_interpret_inseparable_names_warning_names_them_and_asks_to_merge():
    (warning,) = interpret(parse_classes("road; tree; car park")).warnings
    assert "“road”, “car park”" in warning
    assert "Merge" in warning


def test_interpret_small_things_come_last_among_equals_and_the_warning_says_who_wins():
    found = interpret(parse_classes("crosswalk; water; parked cars; road; tree"))
    assert [one.is_small_object for one in found.classes] == [True, False, True, False, False]
    assert found.precedence == (1, 3, 4, 0, 2)
    assert found.inseparable == ((1, 4),)
    assert "“road” takes the pixels of all" in found.warnings[0]


def test_interpret_place_of_small_things_is_not_small():
    found = interpret(parse_classes("car park; pool of water; shore with boats; tree"))
    assert [one.is_small_object for one in found.classes] == [False, True, False, False]


def test_interpret_word_that_is_passed_over_is_told_with_what_is_left():
    (warning,) = interpret(parse_classes("wobbly corn; water")).warnings
    assert "does not know “wobbly” in “wobbly corn”" in warning
    assert "reads the name as green crop" in warning


def test_interpret_modifiers_keep_names_of_one_crop_apart():
    found = interpret(parse_classes("senesced corn; corn; water"))
    assert found.inseparable == ()
    assert found.classes[0].text == "senesced corn → dry vegetation"
