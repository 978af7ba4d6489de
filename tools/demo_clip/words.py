# SPDX-License-Identifier: GPL-2.0-or-later
"""The language of the demo checkpoint: concepts, the words for them, and which concept a material counts as.

A material counts as the first concept of its list that is among the names asked for, so dry grass is "dry vegetation"
where that is asked for, else grass, else vegetation, and bare soil where nothing green is asked for. Training draws
many sets of names, so the text learns these preferences.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np

_NAMES = {  # concept -> names for it
    "water": (
        "water, open water, water body, water surface, river, lake, pond, sea, ocean, stream, canal, reservoir, "
        "bay, lagoon, rivers, lakes, deep water, river water, lake water, sea water, waters, shallow water, "
        "harbour water"
    ),
    "tree": (
        "tree, trees, forest, woodland, woods, wood, tree canopy, tree crown, tree crowns, forests, wooded area, "
        "woody vegetation, tree cover, grove, fruit trees, orchard, mangrove"
    ),
    "deciduous tree": (
        "deciduous tree, deciduous trees, deciduous forest, broadleaf tree, broadleaf trees, broadleaf forest, "
        "broad-leaved trees, broad-leaved forest, oak, beech, leafy trees"
    ),
    "conifer": (
        "conifer, conifers, coniferous tree, coniferous trees, coniferous forest, evergreen forest, pine, pines, "
        "spruce, pine forest, spruce forest, needleleaf trees, fir"
    ),
    "shrub": "shrub, shrubs, bush, bushes, shrubland, scrub, heath, chaparral, brush, hedge, hedges, scrubland",
    "grass": (
        "grass, lawn, lawns, meadow, meadows, grassland, pasture, green grass, healthy grass, turf grass, mown "
        "grass, grasses, alpine meadow, clearing"
    ),
    "low vegetation": ("low vegetation, herbaceous vegetation, low plants, herbs, ground vegetation, short vegetation"),
    "dry vegetation": (
        "dry vegetation, dry grass, dead grass, stressed grass, brown grass, yellow grass, withered grass, "
        "stubble, straw, senescent vegetation, steppe, savanna"
    ),
    "crops": (
        "crops, crop, cropland, farmland, crop field, crop fields, green crops, corn, maize, soybeans, wheat, "
        "field, fields, agricultural field, agriculture, vegetables, cultivated land, arable land"
    ),
    "vegetation": "vegetation, plants, green vegetation, plant cover, greenery, green plants, vegetated area",
    "bare soil": (
        "bare soil, soil, bare earth, earth, dirt, bare ground, bare land, ploughed field, fallow field, fallow "
        "land, exposed soil, ground, bare fields, brown soil, mud, barren land"
    ),
    "sand": "sand, beach, dune, dunes, sandy beach, sandy soil, desert, sandbank, sand beach",
    "rock": (
        "rock, rocks, bare rock, cliff, scree, stone, stones, rocky ground, boulders, gravel, mountain, pebbles, "
        "crushed stone"
    ),
    "road": (
        "road, roads, street, streets, highway, motorway, asphalt road, paved road, lane, avenue, highways, "
        "freeway, driveway"
    ),
    "asphalt": "asphalt, tarmac, bitumen, asphalt pavement, blacktop, asphalt surface, bituminous surface",
    "concrete": (
        "concrete, cement, concrete surface, paving, paving stones, concrete slabs, plaza, square, concrete pavement"
    ),
    "pavement": (
        "pavement, paved surface, paved area, paved ground, impervious surface, impervious ground, sealed "
        "surface, sidewalk, pavements, hard surface, tarmac surface"
    ),
    "dirt road": "dirt road, track, tracks, gravel road, unpaved road, dirt track, forest track, trail, path",
    "parking lot": "parking lot, parking lots, parking, car park, parking area, parking place",
    "bridge": "bridge, bridges, viaduct, overpass",
    "railway": "railway, railroad, rails, railway tracks, train tracks, railway line",
    "building": (
        "building, buildings, house, houses, roof, roofs, rooftop, rooftops, building roof, residential, "
        "commercial building, residential building, warehouse, residential buildings, commercial, farm, roofing, "
        "apartments, industrial building, residential area"
    ),
    "tiled roof": (
        "tiled roof, tile roof, red roof, roof tiles, tiles, clay roof, red tiles, shingle roof, pitched roof"
    ),
    "flat roof": "flat roof, grey roof, gravel roof, concrete roof, bitumen roof, tar roof, flat roofs",
    "metal roof": (
        "metal roof, metal sheets, painted metal sheets, metal, steel roof, tin roof, sheet metal, metal roofs, "
        "metal sheet"
    ),
    "built-up": (
        "built-up, built-up area, urban, urban area, city, town, settlement, developed land, artificial surface"
    ),
    "car": "car, cars, vehicle, vehicles, truck, trucks, automobile, parked cars",
    "swimming pool": "swimming pool, swimming pools, pool, pools, outdoor pool",
    "artificial turf": (
        "artificial turf, synthetic turf, synthetic grass, artificial grass, sports field, football field, soccer "
        "field, playing field, sports pitch"
    ),
    "running track": "running track, athletics track, tennis court, sports court, race track, stadium",
    "snow": "snow, ice, glacier, snow cover, snowfield",
    "shadow": "shadow, shadows, shade, shaded area, dark shadow",
    "wetland": "wetland, wetlands, marsh, swamp, reeds, reed bed, bog, salt marsh",
}
SYNONYMS: Dict[str, Tuple[str, ...]] = {concept: tuple(names.split(", ")) for concept, names in _NAMES.items()}

_ROOF = ("building", "built-up", "pavement", "concrete")
COUNTS_AS: Dict[str, Tuple[str, ...]] = {
    "water": ("water",),
    "swimming pool": ("swimming pool", "water"),
    "deciduous tree": ("deciduous tree", "tree", "vegetation", "shrub"),
    "conifer": ("conifer", "tree", "vegetation", "shrub"),
    "shrub": ("shrub", "vegetation", "low vegetation", "tree", "grass"),
    "grass": ("grass", "low vegetation", "vegetation", "crops"),
    "dry grass": ("dry vegetation", "grass", "low vegetation", "bare soil", "vegetation"),
    "crops": ("crops", "low vegetation", "vegetation", "grass"),
    "ripe crops": ("crops", "dry vegetation", "low vegetation", "bare soil"),
    "bare soil": ("bare soil", "sand", "rock"),
    "sand": ("sand", "bare soil", "rock"),
    "rock": ("rock", "bare soil"),
    "asphalt road": ("road", "asphalt", "pavement", "built-up", "parking lot", "concrete"),
    "concrete road": ("road", "concrete", "pavement", "built-up", "asphalt"),
    "concrete": ("concrete", "pavement", "built-up", "road", "parking lot"),
    "dirt road": ("dirt road", "bare soil", "road"),
    "parking lot": ("parking lot", "asphalt", "pavement", "road", "built-up", "concrete"),
    "bridge": ("bridge", "road", "pavement", "built-up", "concrete", "asphalt"),
    "railway": ("railway", "built-up", "road", "pavement"),
    "tiled roof": ("tiled roof", *_ROOF),
    "flat roof": ("flat roof", *_ROOF),
    "metal roof": ("metal roof", *_ROOF),
    "car": ("car", "parking lot", "road", "asphalt", "pavement", "built-up"),
    "artificial turf": ("artificial turf", "grass", "low vegetation", "vegetation"),
    "running track": ("running track", "pavement", "road", "built-up"),
    "snow": ("snow",),
    "wetland": ("wetland", "low vegetation", "vegetation", "grass"),
}

_PROMPTS = Path(__file__).resolve().parents[2] / "resources" / "prompts.json"
REMOTE_TEMPLATES: Tuple[str, ...] = tuple(json.loads(_PROMPTS.read_text(encoding="utf-8"))["remote_sensing"])

# One option of each line is drawn; each option is a set of concepts that may be asked for together.
CHOICES: Tuple[Tuple[Tuple[float, Tuple[str, ...]], ...], ...] = (
    ((0.93, ("water",)), (0.07, ())),
    (
        (0.42, ("tree", "grass")),
        (0.1, ("tree",)),
        (0.08, ("tree", "low vegetation")),
        (0.08, ("tree", "grass", "crops")),
        (0.07, ("tree", "grass", "dry vegetation")),
        (0.06, ("tree", "shrub", "grass")),
        (0.05, ("deciduous tree", "conifer", "grass")),
        (0.04, ("tree", "shrub", "crops", "dry vegetation")),
        (0.1, ("vegetation",)),
    ),
    (
        (0.6, ("bare soil",)),
        (0.15, ("bare soil", "sand")),
        (0.1, ("bare soil", "rock")),
        (0.05, ("bare soil", "sand", "rock")),
        (0.1, ()),
    ),
    (
        (0.42, ("road",)),
        (0.12, ("road", "parking lot")),
        (0.1, ("asphalt", "concrete")),
        (0.1, ("pavement",)),
        (0.1, ("road", "concrete")),
        (0.06, ("asphalt",)),
        (0.1, ()),
    ),
    (
        (0.52, ("building",)),
        (0.15, ("tiled roof", "flat roof", "metal roof")),
        (0.06, ("tiled roof", "building")),
        (0.06, ("metal roof", "building")),
        (0.06, ("built-up",)),
        (0.15, ()),
    ),
    ((0.25, ("car",)), (0.75, ())),
    ((0.2, ("swimming pool",)), (0.8, ())),
    ((0.2, ("artificial turf",)), (0.8, ())),
    ((0.1, ("running track",)), (0.9, ())),
    ((0.15, ("snow",)), (0.85, ())),
    ((0.25, ("shadow",)), (0.75, ())),
    ((0.15, ("wetland",)), (0.85, ())),
    ((0.2, ("bridge",)), (0.8, ())),
    ((0.12, ("railway",)), (0.88, ())),
    ((0.12, ("dirt road",)), (0.88, ())),
)


def draw_concepts(rng: np.random.Generator) -> List[str]:
    """A set of concepts as an analyst might ask for, at least two."""
    while True:
        chosen: List[str] = []
        for options in CHOICES:
            chances = np.array([chance for chance, _ in options])
            chosen += options[int(rng.choice(len(options), p=chances / chances.sum()))][1]
        if len(chosen) >= 2:
            return chosen


def assign_materials(names: Sequence[str], concepts: Sequence[str]) -> np.ndarray:
    """Which concept each material counts as.

    Args:
        names: Materials, in the order of their ids.
        concepts: Concepts asked for.

    Returns:
        (len(names),) int64 index into concepts; -1 where none fits.
    """
    found = [next((concept for concept in COUNTS_AS[name] if concept in concepts), None) for name in names]
    return np.array([-1 if concept is None else list(concepts).index(concept) for concept in found], np.int64)


def all_words() -> Tuple[str, ...]:
    """Every word of the synonyms, sorted."""
    return tuple(
        sorted({word for names in SYNONYMS.values() for name in names for word in name.replace("-", " ").split()})
    )


def all_names() -> Tuple[str, ...]:
    """Every synonym, sorted."""
    return tuple(sorted({name for names in SYNONYMS.values() for name in names}))
