# SPDX-License-Identifier: GPL-2.0-or-later
"""The language of the demo checkpoint: every material has a concept, and preferences hold."""

from __future__ import annotations

import numpy as np
import pytest
from demo_clip.materials import NAMES
from demo_clip.words import CHOICES, COUNTS_AS, SYNONYMS, all_words, assign_materials, draw_concepts

from special_qgis.engine.clip.words import unknown_words


def test_counts_as_every_material_names_known_concepts() -> None:
    assert set(COUNTS_AS) == set(NAMES)
    assert {concept for concepts in COUNTS_AS.values() for concept in concepts} <= set(SYNONYMS)


def test_choices_draw_only_known_concepts_and_every_one_of_them() -> None:
    asked = {concept for options in CHOICES for _, group in options for concept in group}
    assert asked == set(SYNONYMS)
    assert all(sum(chance for chance, _ in options) == pytest.approx(1) for options in CHOICES)


def test_synonyms_belong_to_one_concept_each() -> None:
    names = [name for group in SYNONYMS.values() for name in group]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_draw_concepts_are_distinct_and_at_least_two() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        concepts = draw_concepts(rng)
        assert 2 <= len(concepts) == len(set(concepts))


def test_assign_materials_takes_the_first_preference_asked_for() -> None:
    names = ("dry grass", "tiled roof", "snow")
    assert assign_materials(names, ["bare soil", "building"]).tolist() == [0, 1, -1]
    assert assign_materials(names, ["bare soil", "dry vegetation", "tiled roof", "building"]).tolist() == [1, 2, -1]


def test_all_words_cover_every_synonym() -> None:
    known = all_words()
    assert all(unknown_words(name, known) == () for group in SYNONYMS.values() for name in group)
