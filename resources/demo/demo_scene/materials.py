# SPDX-License-Identifier: GPL-2.0-or-later
"""Materials of the scene: reflectance spectra that vary with two traits each.

Takes wavelengths, gives for each material a small grid of spectra (trait a, trait b, wavelength); the scene blends
between grid points, so no two pixels of a material are alike. Shapes are physical models (leaf, canopy, water) or a
smooth continuum with absorption features at published centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from .optics import canopy, gaussian, leaf, water_absorption, water_reflectance

# Names an analyst would type; ids in the truth raster follow this order from 1.
CLASS_NAMES = ("water", "tree", "grass", "bare soil", "asphalt", "red tile roof", "concrete roof")
CLASS_COLOURS = ("#2f7fc1", "#1b6b2f", "#9bd268", "#b98a4e", "#5f6470", "#d1495b", "#c9c5d6")


@dataclass(frozen=True)
class Material:
    """One surface and how it varies."""

    name: str
    truth: int  # class id, 0 = counted for no class
    spectra: Callable[[np.ndarray], np.ndarray]  # wavelengths (n,) to (a, b, n) float64, reflectance


def _grid(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    return np.array([[np.asarray(spectrum) for spectrum in row] for row in rows])


def _continuum(nm: np.ndarray, points: Sequence[Tuple[float, float]]) -> np.ndarray:
    """Smooth curve through (nm, reflectance) points: linear between them, then softened over 120 nm."""
    fine = np.arange(300.0, 2601.0, 5.0)
    values = np.interp(fine, [p[0] for p in points], [p[1] for p in points])
    kernel = gaussian(np.arange(-200.0, 201.0, 5.0), 0.0, 50.0)
    padded = np.pad(values, len(kernel) // 2, mode="reflect", reflect_type="odd")
    return np.interp(nm, fine, np.convolve(padded, kernel / kernel.sum(), mode="valid"))


def _absorb(nm: np.ndarray, curve: np.ndarray, features: Sequence[Tuple[float, float, float]]) -> np.ndarray:
    """Curve with features (centre nm, standard deviation nm, relative depth) taken out."""
    for centre, width, depth in features:
        curve = curve * (1.0 - depth * gaussian(nm, centre, width))
    return curve


def soil(nm: np.ndarray, brightness: float, iron: float, clay: float, moisture_cm: float) -> np.ndarray:
    """Bare mineral soil.

    Features: ferric iron 480 and 880 nm, hydroxyl and water 1410 and 1910 nm, clay 2205 nm, carbonate 2340 nm
    (Hunt, Geophysics 42 (1977) 501; Ben-Dor, Irons and Epema in Remote Sensing for the Earth Sciences (1999) 111).
    Continuum of the "iron-affected" and "organic-affected" curves of Stoner and Baumgardner, Soil Science Society of
    America Journal 45 (1981) 1161. Wetting: trapped light after Angstrom (1925), then absorption in the water film
    (Bach and Mauser, IGARSS (1994) 1). ``moisture_cm`` is the path of light in water, 0 to about 0.015 cm.
    """
    red = 1.0 - 0.20 * iron
    points = [(300, 0.16 * red), (450, 0.26 * red), (600, 0.50 - 0.03 * iron), (800, 0.68), (1100, 0.86), (1700, 1.0)]
    dry = brightness * _continuum(nm, [*points, (2150, 0.98), (2600, 0.88)])
    iron_bands = [(490, 45, 0.16 * iron), (660, 35, 0.03 * iron), (890, 75, 0.09 * iron)]
    clay_bands = [(1412, 22, 0.10 * clay), (1915, 35, 0.16 * clay), (2205, 24, 0.14 * clay), (2345, 28, 0.05 * clay)]
    dry = _absorb(nm, dry, iron_bands + clay_bands)
    cover = min(1.0, moisture_cm / 0.01)
    trapped = dry / (1.33**2 * (1.0 - dry) + dry)
    wet = trapped * np.exp(-water_absorption(nm) / 100.0 * moisture_cm)
    return (1.0 - cover) * dry * np.exp(-water_absorption(nm) / 100.0 * 0.002) + cover * wet


def _litter(nm: np.ndarray) -> np.ndarray:
    """Dry grass and litter: cellulose and lignin at 2100 and 2300 nm (Elvidge, IJRS 11 (1990) 1775)."""
    curve = _continuum(
        nm, [(300, 0.05), (450, 0.09), (600, 0.19), (750, 0.30), (1100, 0.44), (1650, 0.43), (2600, 0.22)]
    )
    return _absorb(
        nm, curve, [(1450, 40, 0.14), (1730, 30, 0.04), (1930, 45, 0.20), (2100, 50, 0.15), (2310, 45, 0.13)]
    )


def _trees(nm: np.ndarray) -> np.ndarray:
    """Trait a: species from pale (willow, poplar) to dark (oak, pine); trait b: density of the crown."""
    ground = 0.5 * soil(nm, 0.24, 0.5, 0.6, 0.01) + 0.5 * _litter(nm)
    leaves = [leaf(nm, 34, 0.011, 0.006, 1.5), leaf(nm, 48, 0.013, 0.009, 1.7), leaf(nm, 62, 0.018, 0.014, 1.9, 0.15)]
    shade = (0.98, 0.90, 0.72)  # gaps and self-shadow inside crowns are darker in rough species
    bark = 0.10 * _litter(nm)  # twigs and bark seen from above, a tenth of the crown
    rows = []
    for (reflectance, transmittance), light in zip(leaves, shade):
        crowns = [canopy(reflectance, transmittance, area, 0.5 * ground) for area in (2.2, 3.8, 6.0)]
        rows.append([light * (0.9 * crown + bark) for crown in crowns])
    return _grid(rows)


def _grass(nm: np.ndarray) -> np.ndarray:
    """Trait a: from dry to lush; trait b: pigment."""
    under = soil(nm, 0.36, 0.4, 0.6, 0.004)
    rows = []
    for area, dead, water in ((0.8, 0.55, 0.008), (1.9, 0.28, 0.012), (3.6, 0.12, 0.016)):
        ground = 0.6 * under + 0.4 * _litter(nm)
        row = []
        for pigment in (24.0, 38.0):
            green = canopy(*leaf(nm, pigment, water, 0.005, 1.4), area, ground)
            row.append(0.88 * ((1.0 - dead) * green + dead * _litter(nm)))
        rows.append(row)
    return _grid(rows)


def _bare_soil(nm: np.ndarray) -> np.ndarray:
    """Trait a: moisture; trait b: loess loam, brown earth, iron-rich earth."""
    kinds = ((0.44, 0.35, 0.7), (0.36, 0.7, 1.0), (0.33, 1.25, 1.1))
    return _grid([[soil(nm, *kind, moisture) for kind in kinds] for moisture in (0.0005, 0.005, 0.013)])


def _gravel(nm: np.ndarray) -> np.ndarray:
    """Sand and gravel of banks and paths. Trait a: moisture; trait b: quartz sand or limestone gravel."""
    lime = _absorb(nm, soil(nm, 0.40, 0.15, 0.2, 0.0005), [(2335, 30, 0.10)]) + 0.05
    dry = [soil(nm, 0.50, 0.45, 0.35, 0.0005), lime]
    wet = [soil(nm, 0.50, 0.45, 0.35, 0.011), 0.72 * lime * np.exp(-water_absorption(nm) / 100.0 * 0.005)]
    return _grid([dry, wet])


def _asphalt(nm: np.ndarray) -> np.ndarray:
    """Trait a: age; trait b: traffic wear.

    New asphalt 4-5 % in the blue to about 9 % at 2400 nm with hydrocarbon bands at 1730 and 2310 nm; old asphalt 10 to
    20 % as stones come bare: Herold and others, IEEE TGRS 42 (2004) 1907.
    """
    stages = (
        ([(300, 0.040), (600, 0.052), (1000, 0.066), (1700, 0.085), (2600, 0.090)], 0.07),
        ([(300, 0.062), (500, 0.088), (800, 0.120), (1300, 0.150), (2000, 0.163), (2600, 0.155)], 0.03),
        ([(300, 0.085), (450, 0.115), (600, 0.150), (1000, 0.192), (1700, 0.222), (2600, 0.205)], 0.01),
    )
    rows = []
    for points, oil in stages:
        curve = _absorb(nm, _continuum(nm, points), [(1730, 18, oil), (2310, 25, 1.3 * oil), (2205, 24, 0.02)])
        rows.append([0.86 * curve, 1.12 * curve])
    return _grid(rows)


def _tile(nm: np.ndarray) -> np.ndarray:
    """Fired clay. Trait a: fresh red to weathered brown; trait b: pale to dark.

    Hematite edges at 520 nm and 670 nm, crystal-field band at 870 nm, little hydroxyl left at 1400, 1900 and 2200 nm:
    Heiden and others, Remote Sensing of Environment 111 (2007) 537; level after Herold and others (2004).
    """
    red = [(300, 0.035), (480, 0.050), (540, 0.070), (600, 0.190), (700, 0.270), (850, 0.290), (1300, 0.410)]
    brown = [(300, 0.040), (480, 0.055), (540, 0.075), (600, 0.125), (700, 0.160), (850, 0.175), (1300, 0.255)]
    rows = []
    for points, end in ((red, 0.44), (brown, 0.29)):
        curve = _continuum(nm, [*points, (1700, end), (2600, 0.93 * end)])
        curve = _absorb(nm, curve, [(525, 22, 0.16), (665, 26, 0.05), (870, 60, 0.13)])
        curve = _absorb(nm, curve, [(1412, 22, 0.02), (1915, 40, 0.06), (2205, 26, 0.04)])
        rows.append([1.08 * curve, 0.72 * curve])
    return _grid(rows)


def _bitumen(nm: np.ndarray) -> np.ndarray:
    """Bitumen felt. Trait a: bare to mineral-strewn; hydrocarbons 1730, 2310 nm (Heiden and others, 2007)."""
    bare = _continuum(nm, [(300, 0.038), (700, 0.050), (1500, 0.066), (2600, 0.070)])
    strewn = _continuum(nm, [(300, 0.080), (600, 0.115), (1100, 0.145), (1800, 0.160), (2600, 0.150)])
    rows = [[_absorb(nm, c, [(1730, 20, 0.09), (2310, 26, 0.12)]) * s for s in (0.9, 1.1)] for c in (bare, strewn)]
    return _grid(rows)


def _concrete(nm: np.ndarray) -> np.ndarray:
    """Concrete slabs and roof gravel. Trait a: age; trait b: brightness; carbonate 2335 nm (Gaffey, 1987)."""
    new = [(300, 0.150), (450, 0.235), (600, 0.310), (900, 0.355), (1700, 0.395), (2600, 0.330)]
    old = [(300, 0.090), (450, 0.140), (600, 0.190), (900, 0.235), (1700, 0.285), (2600, 0.240)]
    bands = [(1412, 25, 0.05), (1925, 45, 0.13), (2205, 30, 0.03), (2335, 30, 0.08)]
    return _grid([[s * _absorb(nm, _continuum(nm, points), bands) for s in (0.92, 1.1)] for points in (new, old)])


def _membrane(nm: np.ndarray) -> np.ndarray:
    """White roofing membrane: titania's edge near 400 nm, C-H bands 1190-2310 nm (Heiden and others, 2007)."""
    curve = _continuum(nm, [(300, 0.10), (420, 0.50), (600, 0.64), (1000, 0.62), (1600, 0.50), (2600, 0.26)])
    bands = [(1190, 25, 0.05), (1420, 30, 0.08), (1720, 25, 0.22), (2150, 40, 0.10), (2310, 35, 0.22)]
    curve = _absorb(nm, curve, bands)
    return _grid([[0.68 * curve, 0.80 * curve], [0.44 * curve, 0.54 * curve]])


def _water(nm: np.ndarray) -> np.ndarray:
    """Trait a: depth from 0.15 m to bottomless; trait b: clear to turbid and green."""
    bottom = soil(nm, 0.26, 0.5, 0.5, 0.012)
    loads = ((6.0, 4.0, 0.7), (16.0, 11.0, 1.1))
    return _grid([[water_reflectance(nm, *load, depth, bottom) for load in loads] for depth in (0.15, 0.6, 1.6, 6.0)])


def _car(nm: np.ndarray) -> np.ndarray:
    """Car paint and glass. Trait a: black, silver, white; trait b: neutral or coloured."""
    flat = np.ones_like(nm)
    blue = _continuum(nm, [(300, 0.10), (460, 0.16), (560, 0.06), (700, 0.05), (800, 0.22), (1600, 0.3), (2600, 0.2)])
    red = _continuum(nm, [(300, 0.04), (560, 0.04), (640, 0.36), (1000, 0.5), (1700, 0.45), (2600, 0.3)])
    white = _membrane(nm)[0, 1] * 0.95
    return _grid([[0.045 * flat, blue], [0.26 * flat, red], [white, white]])


MATERIALS: Tuple[Material, ...] = (
    Material("grass", 3, _grass),
    Material("tree", 2, _trees),
    Material("water", 1, _water),
    Material("soil", 4, _bare_soil),
    Material("gravel", 4, _gravel),
    Material("asphalt", 5, _asphalt),
    Material("tile", 6, _tile),
    Material("bitumen", 7, _bitumen),
    Material("concrete", 7, _concrete),
    Material("membrane", 7, _membrane),
    Material("parapet", 0, _concrete),
    Material("car", 0, _car),
)
MATERIAL_ID: Dict[str, int] = {material.name: i for i, material in enumerate(MATERIALS)}


def spectra_of(nm: np.ndarray) -> List[np.ndarray]:
    """Spectra of every material, in the order of ``MATERIALS``, each (a, b, wavelength) float64 reflectance."""
    return [material.spectra(nm) for material in MATERIALS]
