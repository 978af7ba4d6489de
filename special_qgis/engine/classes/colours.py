# SPDX-License-Identifier: GPL-2.0-or-later
"""Chooses class colours: by what a name means, and so that all can be told apart, by colour-blind readers too.

Takes the words and the given colours of all classes, gives one colour each. A class whose words name a known meaning
gets the colour a map reader expects (water blue, trees green); where that comes too close to a colour already taken,
for normal sight or for one of the three kinds of dichromacy, a lighter, darker or shifted one is taken.

Sources: Machado, Oliveira and Fernandes (2009), "A physiologically-based model for simulation of color vision
deficiency", IEEE TVCG 15(6), matrices for severity 1.0; IEC 61966-2-1 (sRGB); CIE 15 (L*a*b*, white D65); qualitative
palette after Okabe and Ito (2008), "Color Universal Design".
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple

import numpy as np
import numpy.typing as npt

from ..files.resources import resource_path

FloatArray = npt.NDArray[np.float64]

VISIONS: Mapping[str, FloatArray] = {  # linear RGB to linear RGB as seen; Machado et al. 2009, severity 1.0
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
WANTED_DISTANCE = 15.0  # CIE L*a*b*, least over the four kinds of sight; areas in a map are told apart well above 10

_XYZ_OF_LINEAR_RGB = np.array(  # IEC 61966-2-1
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)
_WHITE_XYZ = _XYZ_OF_LINEAR_RGB.sum(axis=1)  # D65
_TONES = (0.0, 0.15, -0.15, 0.3, -0.3, 0.45, -0.45)  # part of white (> 0) or black (< 0) mixed in
_MOST_SPREAD = 40  # classes; among more, colours cannot all be far apart and only differ
_MOST_MOVES = 200  # of colours while spreading
_PRICE_OF_STRANGENESS = 0.08  # distance to the other classes that a step away from the expected colour must gain
_LEAST_GAIN = 0.5  # CIE L*a*b*; smaller ones are not seen
_POOL_LEVELS = (16, 52, 88, 124, 160, 196, 232)  # of each channel; 343 colours, more than there can be classes


@dataclass(frozen=True)
class _Meaning:
    """A kind of land cover and the colours a reader expects for it, best first."""

    words: Tuple[str, ...]
    colours: Tuple[str, ...]


def choose_colours(words: Sequence[Sequence[str]], given: Sequence[Optional[str]]) -> List[str]:
    """Choose a colour for each class that has none.

    Given colours are kept as they are. Classes with a known meaning choose first, in order, then the others.

    Args:
        words: Name and other words of each class, in the order of the classes.
        given: Colour "#rrggbb" in lower case of each class, or None where one is to be chosen.

    Returns:
        "#rrggbb" for each class, no chosen one equal to another colour.
    """
    meanings, palette = _load_vocabulary()
    expected = [_expected_colours(class_words, meanings) for class_words in words]
    candidates = [_tones(colours or palette) for colours in expected]
    assignment = _Assignment(given, candidates)
    for index in sorted(range(len(words)), key=lambda i: not expected[i]):  # stable: known meanings first
        if not given[index]:
            assignment.choose(index)
    if len(words) <= _MOST_SPREAD:
        assignment.spread()
    return assignment.colours


def perceived_lab(colours: Sequence[str]) -> FloatArray:
    """Colours as seen by each kind of sight.

    Args:
        colours: n colours "#rrggbb".

    Returns:
        (visions, n, 3) float64, CIE L*a*b* for each of ``VISIONS`` in order.
    """
    rgb = np.array([list(bytes.fromhex(colour[1:])) for colour in colours], dtype=np.float64).reshape(-1, 3) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.stack([_lab_of_linear(np.clip(linear @ matrix.T, 0.0, 1.0)) for matrix in VISIONS.values()])


def least_distances(lab: FloatArray, others: FloatArray) -> FloatArray:
    """Distance of each colour to each other colour, for the sight that sees them closest.

    Args:
        lab: (visions, n, 3) float64, CIE L*a*b* from ``perceived_lab``.
        others: (visions, m, 3) float64, CIE L*a*b* from ``perceived_lab``.

    Returns:
        (n, m) float64, CIE 1976 colour difference.
    """
    differences = lab[:, :, None, :] - others[:, None, :, :]
    return np.asarray(np.sqrt((differences**2).sum(axis=-1)).min(axis=0), dtype=np.float64)


class _Assignment:
    """Colours of all classes while they are chosen, with the distances between them.

    A given colour is never changed. An open class has candidates, best first.
    """

    def __init__(self, given: Sequence[Optional[str]], candidates: Sequence[Sequence[str]]) -> None:
        self.colours: List[str] = [colour or "" for colour in given]
        self._candidates = [list(options) if not colour else [] for colour, options in zip(given, candidates)]
        self._pool = _pool_colours()
        self._pool_lab = perceived_lab(self._pool)
        self._pool_nearest = np.full(len(self._pool), np.inf)  # distance to the nearest colour ever chosen
        self._lab = np.full((len(VISIONS), len(self.colours), 3), np.inf)  # infinitely far while not chosen
        for index, colour in enumerate(self.colours):
            if colour:
                self._set(index, colour)

    def choose(self, index: int) -> None:
        """Take a class's first candidate that is far enough from the colours chosen so far, else the farthest.

        Where even that one can hardly be told apart, any colour that differs most is taken.
        """
        options = self._candidates[index]
        nearest = self._nearest(index, perceived_lab(options))
        far_enough = np.flatnonzero(nearest >= WANTED_DISTANCE)
        best = int(far_enough[0]) if far_enough.size else int(np.argmax(nearest))
        if nearest[best] >= WANTED_DISTANCE / 2:
            self._set(index, options[best])
            return
        unused = np.array([colour not in self.colours for colour in self._pool])
        farthest = np.where(unused, self._pool_nearest, -1.0)
        self._set(index, self._pool[int(np.argmax(farthest))])

    def spread(self) -> None:
        """Move colours of the closest pairs apart, within their candidates, until it no longer helps."""
        stuck: Set[Tuple[int, int]] = set()
        for _ in range(_MOST_MOVES):
            pair = self._closest_pair(stuck)
            if pair is None:
                return
            if not any(self._improve(index) for index in sorted(pair, reverse=True)):
                stuck.add(pair)

    def _closest_pair(self, stuck: Set[Tuple[int, int]]) -> Optional[Tuple[int, int]]:
        """The two classes that are hardest to tell apart, when they are too close and not known to be stuck."""
        distances = least_distances(self._lab, self._lab)
        distances[np.tril_indices(len(self.colours))] = np.inf
        for pair in stuck:
            distances[pair] = np.inf
        first, second = np.unravel_index(int(np.argmin(distances)), distances.shape)
        return (int(first), int(second)) if distances[first, second] < WANTED_DISTANCE else None

    def _improve(self, index: int) -> bool:
        """Give a class the candidate that is worth most, if that gains something."""
        options = self._candidates[index]
        if not options:
            return False
        lab = perceived_lab([*options, self.colours[index]])
        strangeness = np.linalg.norm(lab[0] - lab[0, :1], axis=1)  # from what a reader expects
        worth = np.minimum(self._nearest(index, lab), WANTED_DISTANCE) - _PRICE_OF_STRANGENESS * strangeness
        best = int(np.argmax(worth[:-1]))
        if worth[best] < worth[-1] + _LEAST_GAIN:
            return False
        self._set(index, options[best])
        return True

    def _nearest(self, index: int, lab: FloatArray) -> FloatArray:
        """Distance of each colour to the nearest one of the other classes."""
        others = np.delete(self._lab, index, axis=1)
        return np.asarray(least_distances(lab, others).min(axis=1, initial=np.inf), dtype=np.float64)

    def _set(self, index: int, colour: str) -> None:
        self.colours[index] = colour
        lab = perceived_lab([colour])
        self._lab[:, index] = lab[:, 0]
        self._pool_nearest = np.minimum(self._pool_nearest, least_distances(self._pool_lab, lab)[:, 0])


def _lab_of_linear(linear: FloatArray) -> FloatArray:
    scaled = linear @ _XYZ_OF_LINEAR_RGB.T / _WHITE_XYZ
    f = np.where(scaled > (6 / 29) ** 3, np.cbrt(scaled), scaled / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[:, 0], f[:, 1], f[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _pool_colours() -> List[str]:
    levels = _POOL_LEVELS
    return [f"#{r:02x}{g:02x}{b:02x}" for r in levels for g in levels for b in levels]


def _tones(colours: Sequence[str]) -> List[str]:
    """Colours, then lighter and darker tones of each."""
    tones = [_mix(colour, part) for part in _TONES for colour in colours]
    return list(dict.fromkeys(tones))


def _mix(colour: str, part: float) -> str:
    end = 255 if part > 0 else 0
    channels = [round(channel * (1 - abs(part)) + end * abs(part)) for channel in bytes.fromhex(colour[1:])]
    return "#{:02x}{:02x}{:02x}".format(*channels)


def _load_vocabulary() -> Tuple[List[_Meaning], List[str]]:
    content = json.loads(resource_path("class_colours.json").read_text(encoding="utf-8"))
    meanings = [_Meaning(tuple(m["words"]), tuple(m["colours"])) for m in content["meanings"]]
    return meanings, list(content["palette"])


def _expected_colours(class_words: Sequence[str], meanings: Sequence[_Meaning]) -> Tuple[str, ...]:
    """Colours expected for a class, from its name or else from its other words in order; empty when unknown."""
    phrases: Dict[str, _Meaning] = {" ".join(_tokens(word)): meaning for meaning in meanings for word in meaning.words}
    for text in class_words:
        tokens = _tokens(text)
        for length in range(len(tokens), 0, -1):  # the longest phrase wins, and of two the later: "grass roof"
            for start in range(len(tokens) - length, -1, -1):
                end = start + length
                meaning = phrases.get(" ".join(tokens[start:end]))
                if meaning:
                    return meaning.colours
    return ()


def _tokens(text: str) -> List[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [_singular(token) for token in re.findall(r"[^\W\d_]+", plain)]


def _singular(token: str) -> str:
    """A rough English singular, enough to find a word in the vocabulary, which is brought into this form too."""
    if len(token) > 4 and token.endswith("ies"):
        return token[:-3] + "y"
    if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us")):
        return token[:-1]
    return token
