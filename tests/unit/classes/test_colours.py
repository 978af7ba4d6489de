# SPDX-License-Identifier: GPL-2.0-or-later
"""Default colours: expected by meaning, and told apart by every kind of sight."""

from __future__ import annotations

import colorsys
import json

import numpy as np
import pytest

from special_qgis.engine.classes.classes import load_presets, parse_classes
from special_qgis.engine.classes.colours import VISIONS, choose_colours, least_distances, perceived_lab
from special_qgis.engine.files.resources import resource_path

LEAST_DISTANCE = 12.0  # CIE L*a*b*, over all kinds of sight; a just noticeable difference is about 2.3
LEAST_DISTANCE_VIENOT = 10.0  # the same with the other model, which the choice does not know

# Viénot, Brettel and Mollon (1999), Color Research & Application 24(4): another model of the same two dichromacies
VIENOT = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}

LISTS = {
    **load_presets(),
    "valley": "tree; water; bare soil; road",
    "town": "roof; pavement; low vegetation; tree; bare soil; water",
    "park": "water; tree; grass; bare soil; road; building",
    "bridge": "water; bridge; vegetation",
    "campus": "asphalt; meadows; gravel; trees; painted metal sheets; bare soil; bitumen; bricks; shadows",
    "centre": "water; trees; asphalt; self-blocking bricks; bitumen; tiles; shadows; meadows; bare soil",
    "twelve": "water; trees; grass; shrubs; crops; bare soil; sand; rock; roads; buildings; snow; shadow",
    "alike": "sea; lake; conifers; deciduous forest; meadow; wheat; maize; wetland; soil; gravel; asphalt; concrete",
    "unknown": "; ".join(f"thing {letter}" for letter in "abcdefghijkl"),
}


def colours_of(text: str) -> list[str]:
    return [c.colour for c in parse_classes(text)]


def linear_rgb(colours: list[str]) -> np.ndarray:
    rgb = np.array([list(bytes.fromhex(c[1:])) for c in colours])
    rgb = rgb / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def colour_of_linear(linear: np.ndarray) -> str:
    clipped = np.clip(linear, 0, 1)
    encoded = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return "#{:02x}{:02x}{:02x}".format(*np.rint(encoded * 255).astype(int))


def least_pair(distances: np.ndarray) -> float:
    return float((distances + np.diag(np.full(len(distances), np.inf))).min())


@pytest.mark.parametrize("name", LISTS)
def test_choose_colours_typical_list_is_told_apart_by_every_sight(name: str) -> None:
    lab = perceived_lab(colours_of(LISTS[name]))
    assert least_pair(least_distances(lab, lab)) >= LEAST_DISTANCE


@pytest.mark.parametrize("vision", VIENOT)
@pytest.mark.parametrize("name", LISTS)
def test_choose_colours_typical_list_is_told_apart_in_another_model_of_sight(name: str, vision: str) -> None:
    linear = linear_rgb(colours_of(LISTS[name]))
    seen = [colour_of_linear(row) for row in linear @ np.array(VIENOT[vision]).T]
    lab = perceived_lab(seen)[:1]  # as a normal eye sees what the other eye sees
    assert least_pair(least_distances(lab, lab)) >= LEAST_DISTANCE_VIENOT


@pytest.mark.parametrize(
    ("name", "hues"),
    [
        pytest.param("water", (190, 250), id="water-blue"),
        pytest.param("Rivers and lakes", (190, 250), id="capitals-and-plurals"),
        pytest.param("trees", (90, 160), id="trees-green"),
        pytest.param("grass", (70, 130), id="grass-green"),
        pytest.param("bare soil", (15, 45), id="soil-brown"),
        pytest.param("red roofs", (0, 20), id="roofs-red"),
        pytest.param("ponderosa: pine", (90, 160), id="meaning-from-another-word"),
    ],
)
def test_choose_colours_known_meaning_gets_the_expected_hue(name: str, hues: tuple[int, int]) -> None:
    red, green, blue = parse_classes(f"thing; {name}")[1].rgb
    hue, _, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    assert hues[0] <= hue * 360 <= hues[1]
    assert saturation > 0.2


def test_choose_colours_asphalt_is_grey_and_snow_light_and_shadow_dark() -> None:
    asphalt, snow, shadow = (c.rgb for c in parse_classes("asphalt; snow; shadow"))
    assert max(asphalt) - min(asphalt) < 10
    assert min(snow) > 200
    assert max(shadow) < 60


def test_choose_colours_longer_phrase_wins_over_its_words() -> None:
    assert choose_colours([["dry grass"]], [None]) == choose_colours([["straw"]], [None])
    assert choose_colours([["dry grass"]], [None]) != choose_colours([["grass"]], [None])


def test_choose_colours_given_ones_are_kept_and_avoided() -> None:
    chosen = choose_colours([["water"], ["trees"], ["x"]], [None, "#1f78b4", None])
    assert chosen[1] == "#1f78b4"
    lab = perceived_lab(chosen)
    assert least_pair(least_distances(lab, lab)) >= LEAST_DISTANCE


def test_choose_colours_given_ones_close_to_each_other_are_kept() -> None:
    assert choose_colours([["a"], ["b"]], ["#000000", "#000001"]) == ["#000000", "#000001"]


@pytest.mark.parametrize("word", ["water", "thing"])
def test_choose_colours_255_classes_of_one_meaning_all_differ(word: str) -> None:
    chosen = choose_colours([[f"{word} {i}"] for i in range(255)], [None] * 255)
    assert len(set(chosen)) == 255


def test_choose_colours_same_list_gets_the_same_colours() -> None:
    assert colours_of(LISTS["alike"]) == colours_of(LISTS["alike"])


def test_perceived_lab_known_colours_match_published_values() -> None:
    lab = perceived_lab(["#ffffff", "#ff0000", "#0000ff"])[0]  # CIE L*a*b* of the sRGB primaries, D65
    assert lab == pytest.approx(np.array([[100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]), abs=0.05)


def test_perceived_lab_greys_look_the_same_to_every_sight() -> None:
    lab = perceived_lab(["#404040", "#808080", "#c0c0c0"])
    assert np.abs(lab - lab[:1]).max() < 0.2


def test_perceived_lab_red_and_green_come_closer_for_red_green_blindness() -> None:
    lab = dict(zip(VISIONS, perceived_lab(["#d73027", "#3f7f2f"])))
    distances = {vision: np.linalg.norm(pair[0] - pair[1]) for vision, pair in lab.items()}
    assert distances["protanopia"] < 0.5 * distances["normal"]
    assert distances["deuteranopia"] < 0.5 * distances["normal"]


def test_vocabulary_words_stand_for_one_meaning_only() -> None:
    content = json.loads(resource_path("class_colours.json").read_text(encoding="utf-8"))
    words = [word for meaning in content["meanings"] for word in meaning["words"]]
    assert len(words) == len(set(words))
    for word in words:  # each is found when typed as it is
        assert choose_colours([[word]], [None])[0] not in content["palette"], word
