# SPDX-License-Identifier: GPL-2.0-or-later
"""Which names stand up and which lie flat."""

from __future__ import annotations

import pytest

from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.evidence.heights_of_names import WORDS, standing_of_classes, standing_of_name
from special_qgis.engine.spectral_prior.lexicon import load_lexicon, normalise, words_of


@pytest.mark.parametrize(
    "name", ["roofs", "Red-tile roof", "roof (metal)", "road bridge", "Oil tanks", "asphalt roof", "tilia tree"]
)
def test_standing_of_upright_names_is_one(name: str) -> None:
    assert standing_of_name(name, load_lexicon()) == 1.0


@pytest.mark.parametrize(
    "name",
    ["tree-lined street", "parking lots", "road under trees", "bare soil", "Self-Blocking Bricks", "rivers", "lawn"],
)
def test_standing_of_flat_names_is_minus_one(name: str) -> None:
    assert standing_of_name(name, load_lexicon()) == -1.0


@pytest.mark.parametrize("name", ["maize", "shrubs", "tree shadow", "vehicle", "car", "roof garden", "trees and grass"])
def test_standing_of_names_in_between_is_zero(name: str) -> None:
    assert standing_of_name(name, load_lexicon()) == 0.0


def test_standing_of_names_outside_the_table_follows_their_materials() -> None:
    assert standing_of_name("hammock", load_lexicon()) == 1.0  # tree canopy in the lexicon
    assert standing_of_name("zorg", load_lexicon()) is None


def test_standing_of_a_class_is_the_mean_of_its_known_words() -> None:
    classes = parse_classes("town: building, street; zorg: barn; plim")
    found = standing_of_classes(classes)
    assert -1.0 < found[0] < 1.0 and found[1:] == [1.0, 0.0]


def test_terms_of_the_table_are_written_as_names_are_read() -> None:
    assert [term for term in WORDS if " ".join(words_of(normalise(term))) != term] == []
