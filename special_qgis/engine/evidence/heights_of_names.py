# SPDX-License-Identifier: GPL-2.0-or-later
"""Which class names stand up and which lie flat: by word, else by what the lexicon says they are made of.

The last word of the table in a name is its head ("road bridge" stands up, "tree-lined street" lies flat); what
follows a preposition only tells more about it. Crops, shrubs and mixtures are in between and stay neutral.
"""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional, Sequence

from ..classes.classes import LandCoverClass
from ..spectral_prior.lexicon import Lexicon, load_lexicon, normalise, words_of

__all__ = ["standing_of_classes", "standing_of_name"]

UPRIGHT, NEUTRAL, FLAT = 1.0, 0.0, -1.0

_UPRIGHT_WORDS = """
roof, rooftop, roofing, building, house, housing, hall, warehouse, factory, barn, school, church, hangar, hospital,
castle, mill, stadium, tower, apartment, skyscraper, office, shop, mall, supermarket, hotel, home, farmhouse, bungalow,
cottage, chimney, silo, tank, storage tank, oil tank, power plant, bridge, viaduct, overpass, flyover, crane, pylon,
tree, forest, wood, woodland, canopy, conifer, broadleaf, pine, spruce, fir, oak, beech, birch, maple, willow, poplar,
eucalyptus, cedar, cypress, larch, ash tree, elm, hardwood, softwood, rainforest, jungle, grove, copse, palm,
evergreen tree, tree cover, tile, red tile, roof tile, clay tile, slate, shingle
"""
_FLAT_WORDS = """
road, street, pavement, parking, parking lot, car park, carpark, parking area, parking space, highway, motorway,
freeway, driveway, runway, taxiway, thoroughfare, lane, avenue, expressway, boulevard, apron, airfield, alley, curb,
kerb, carriageway, cycle path, bike path, cycleway, path, footpath, trail, track, running track, sidewalk, walkway,
plaza, square, crosswalk, zebra crossing, junction, intersection, roundabout, road marking, railway, rail, railroad,
asphalt, paving stone, cobblestone, self blocking brick, paving brick, paved area, paved surface, paved ground, grass,
lawn, meadow, pasture, turf, artificial turf, synthetic grass, healthy grass, stressed grass, moss, water, river, lake,
sea, ocean, pond, stream, canal, reservoir, lagoon, puddle, pool, swimming pool, bay, soil, bare soil, bare ground,
bare earth, earth, dirt, mud, sand, beach, dune, desert, gravel, salt flat, mudflat, tennis court, basketball court,
court, playground, sport field, football field, pitch, golf course, snow, ice
"""
_NEUTRAL_WORDS = """
crop, cropland, corn, maize, wheat, soybean, orchard, vineyard, plantation, shrub, bush, scrub, hedge, garden, car,
vehicle, wall, fence, shed, hut, cabin, garage, shadow, rock, cliff, rubble, ruin, tent, greenhouse, solar panel,
mangrove, wetland, train station, railway station, station, airport, causeway, deck, park, glacier
"""
_GROUPS: Mapping[str, float] = {  # of the lexicon; those that are not here are found on roofs and on the ground alike
    "tree": UPRIGHT,
    "tile": UPRIGHT,
    "slate": UPRIGHT,
    "water": FLAT,
    "grass": FLAT,
    "turf": FLAT,
    "snow": FLAT,
    "soil": FLAT,
    "sand": FLAT,
    "asphalt": FLAT,
}
_JOINTS = re.compile(r"\s*(?:,|&|\+|/|;|\band\b|\bor\b)\s*")
_AFTER_HEAD = re.compile(r"[(\[{]|\b(?:of|with|in|on|under|near|for|from|at|by|along|without|no|not|except)\b")


def _table() -> Dict[str, float]:
    lists = ((_UPRIGHT_WORDS, UPRIGHT), (_FLAT_WORDS, FLAT), (_NEUTRAL_WORDS, NEUTRAL))
    return {term: standing for terms, standing in lists for term in (t.strip() for t in terms.split(",")) if term}


WORDS: Mapping[str, float] = _table()
_LONGEST = max(term.count(" ") + 1 for term in WORDS)


def standing_of_classes(classes: Sequence[LandCoverClass]) -> List[float]:
    """For each class from −1, lies flat, by 0, in between or not known, to 1, stands up: mean of its name and aliases.

    Args:
        classes: Classes as typed, in the order of their ids.
    """
    lexicon = load_lexicon()
    found = []
    for one in classes:
        known = [s for s in (standing_of_name(query, lexicon) for query in one.queries) if s is not None]
        found.append(sum(known) / len(known) if known else NEUTRAL)
    return found


def standing_of_name(name: str, lexicon: Lexicon) -> Optional[float]:
    """From −1, lies flat, to 1, stands up; None for a name of which no word is known.

    Args:
        name: Name as typed, in any case, singular or plural.
        lexicon: Tells the material groups of names that the table does not hold.
    """
    text = normalise(name)
    parts = [_of_part(words_of(_AFTER_HEAD.split(part)[0])) for part in _JOINTS.split(text)]
    known = [part for part in parts if part is not None]
    if known:
        return sum(known) / len(known)
    groups = lexicon.lookup(name)
    return None if groups is None else sum(weight * _GROUPS.get(g, NEUTRAL) for g, weight in groups.items())


def _of_part(words: Sequence[str]) -> Optional[float]:
    """Standing of the term that ends last, the longest of those."""
    for stop in range(len(words), 0, -1):
        for start in range(max(0, stop - _LONGEST), stop):
            term = " ".join(words[start:stop])
            if term in WORDS:
                return WORDS[term]
    return None
