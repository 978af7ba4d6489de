# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from special_qgis.engine.classes.matching import match_classes
from special_qgis.engine.errors import InputError


def test_match_by_name_ignores_case_spaces_and_order() -> None:
    match = match_classes([1, 2], {1: "Bare  soil", 2: "Water"}, [5, 6], {5: "water", 6: "bare soil"})
    assert match.by == "name"
    assert match.names == ("Bare  soil", "Water")
    assert match.map_index == {1: 0, 2: 1}
    assert match.reference_index == {6: 0, 5: 1}


def test_match_by_number_when_only_the_map_has_names() -> None:
    match = match_classes([1, 2], {1: "tree", 2: "water"}, [2, 1], {})
    assert match.by == "number"
    assert match.names == ("tree", "water")
    assert match.reference_index == {1: 0, 2: 1}


def test_match_by_number_takes_names_from_the_reference_when_the_map_has_none() -> None:
    match = match_classes([1, 3], {}, [1, 3], {1: "tree", 3: "water"})
    assert (match.by, match.names) == ("number", ("tree", "water"))


def test_unmatched_classes_are_listed_on_their_side() -> None:
    match = match_classes([1, 2], {1: "tree", 2: "roof"}, [1, 2], {1: "tree", 2: "snow"})
    assert match.only_in_map == ("roof",)
    assert match.only_in_reference == ("snow",)
    assert match.names == ("tree", "roof", "snow")


def test_values_that_share_a_name_are_one_class() -> None:
    match = match_classes([1, 2], {1: "tree", 2: "tree"}, [4], {4: "TREE"})
    assert match.names == ("tree",)
    assert match.map_index == {1: 0, 2: 0}


def test_words_that_are_numbers_are_class_numbers() -> None:
    match = match_classes([1, 12], {1: "tree", 12: "water"}, [1, 2], {1: "12", 2: "1"}, reference_has_ids=False)
    assert match.by == "number"
    assert match.reference_index == {1: 1, 2: 0}


def test_words_never_match_an_unnamed_map_by_their_order() -> None:
    with pytest.raises(InputError, match="no class in common, compared by name: the map has 1, 2"):
        match_classes([1, 2], {}, [1, 2], {1: "tree", 2: "water"}, reference_has_ids=False)


def test_names_in_two_languages_are_an_error_that_shows_both() -> None:
    with pytest.raises(InputError, match="1 tree, 2 water; the reference has 1 Baum, 2 Wasser"):
        match_classes([1, 2], {1: "tree", 2: "water"}, [1, 2], {1: "Baum", 2: "Wasser"})


def test_numbers_without_overlap_are_an_error() -> None:
    with pytest.raises(InputError, match="compared by number: the map has 1, 2; the reference has 10, 20"):
        match_classes([1, 2], {}, [10, 20], {})


def test_same_name_of_two_numbers_stays_distinguishable_by_number() -> None:
    match = match_classes([1, 2], {1: "tree", 2: "tree"}, [1, 2], {})
    assert match.names == ("tree", "tree (2)")


def test_names_that_only_repeat_their_value_are_matched_by_number() -> None:
    match = match_classes([1, 2], {1: "class 1", 2: "class 2"}, [1, 2], {1: "water", 2: "tree"})
    assert match.by == "number"
    assert match.map_index == match.reference_index == {1: 0, 2: 1}
