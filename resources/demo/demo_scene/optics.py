# SPDX-License-Identifier: GPL-2.0-or-later
"""Optical constants and the small physical models that spectra are made from.

Takes wavelengths in nm, gives absorption, reflectance or light fractions at those wavelengths. The table of water's
absorption is a file beside this one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np

_WATER_TABLE = Path(__file__).with_name("water_absorption.csv")


def gaussian(nm: np.ndarray, centre_nm: float, width_nm: float) -> np.ndarray:
    """Bell of height 1; ``width_nm`` is its standard deviation."""
    return np.exp(-0.5 * ((nm - centre_nm) / width_nm) ** 2)


def water_absorption(nm: np.ndarray) -> np.ndarray:
    """Absorption coefficient of pure water in 1/m, log-linear between tabulated wavelengths."""
    table_nm, per_m = np.loadtxt(_WATER_TABLE, delimiter=",", unpack=True)
    return np.exp(np.interp(nm, table_nm, np.log(per_m)))


def _exponential_integral(x: np.ndarray) -> np.ndarray:
    """E1(x) for x > 0: Abramowitz and Stegun (1964), 5.1.53 up to 1 and 5.1.56 above."""
    small = np.minimum(x, 1.0)
    low = -np.log(small) + np.polyval(
        [0.00107857, -0.00976004, 0.05519968, -0.24991055, 0.99999193, -0.57721566], small
    )
    big = np.maximum(x, 1.0)
    high = (big**2 + 2.334733 * big + 0.250621) / (big**2 + 3.330657 * big + 1.681534) * np.exp(-big) / big
    return np.where(x <= 1.0, low, high)


def _interface_transmittance(index: np.ndarray, max_angle_deg: float) -> np.ndarray:
    """Fresnel transmittance into a medium, averaged over a cone of incident light by the midpoint rule."""
    n_steps = 60
    angle = np.deg2rad(max_angle_deg) * (np.arange(n_steps) + 0.5) / n_steps
    weight = np.sin(angle) * np.cos(angle)
    n = index[:, None]
    cos_i = np.cos(angle)[None, :]
    cos_t = np.sqrt(1.0 - (np.sin(angle)[None, :] / n) ** 2)
    r_s = ((cos_i - n * cos_t) / (cos_i + n * cos_t)) ** 2
    r_p = ((n * cos_i - cos_t) / (n * cos_i + cos_t)) ** 2
    return ((1.0 - 0.5 * (r_s + r_p)) * weight).sum(axis=1) / weight.sum()


def chlorophyll_absorption(nm: np.ndarray) -> np.ndarray:
    """Specific absorption of leaf pigments in cm2/µg.

    Bands of chlorophyll a and b in the living leaf (Soret 435 and 465, Q 618, 650, 678 nm; Lichtenthaler, Methods in
    Enzymology 148 (1987) 350), heights set to the curve of Jacquemoud and Baret, Remote Sensing of Environment 34
    (1990) 75.
    """
    soret = 0.050 * gaussian(nm, 432, 32) + 0.036 * gaussian(nm, 480, 22)
    green = 0.0075 * gaussian(nm, 530, 30) + 0.0120 * gaussian(nm, 585, 24)
    q_bands = 0.016 * gaussian(nm, 620, 20) + 0.026 * gaussian(nm, 650, 15) + 0.056 * gaussian(nm, 679, 13.5)
    return soret + green + q_bands + 0.012 * gaussian(nm, 704, 12)


def dry_matter_absorption(nm: np.ndarray) -> np.ndarray:
    """Specific absorption of leaf dry matter in cm2/g.

    Centres of lignin, cellulose, starch and protein: Curran, Remote Sensing of Environment 30 (1989) 271; level:
    Jacquemoud and others, Remote Sensing of Environment 56 (1996) 194.
    """
    blue = 55.0 * np.exp(-(nm - 400.0) / 55.0)
    level = 1.5 + 12.0 / (1.0 + np.exp(-(nm - 1650.0) / 160.0))
    bands = 7.0 * gaussian(nm, 1480, 70) + 5.0 * gaussian(nm, 1730, 35)
    return blue + level + bands + 14.0 * gaussian(nm, 2100, 60) + 20.0 * gaussian(nm, 2310, 70)


def leaf(
    nm: np.ndarray, chlorophyll_ug: float, water_cm: float, dry_g: float, layers: float, brown: float = 0.0
) -> Tuple[np.ndarray, np.ndarray]:
    """Reflectance and transmittance of a leaf by the generalised plate model.

    Args:
        nm: (n,) float64, wavelengths in nm.
        chlorophyll_ug: Pigment in µg/cm2.
        water_cm: Equivalent water thickness in cm.
        dry_g: Dry matter in g/cm2.
        layers: Structure number N, 1 to 3.
        brown: Tannins, 0 (green) to 2.

    Returns:
        Two (n,) float64 in 0..1.

    Source: Jacquemoud and Baret (1990), after Allen and others (1969) and Stokes (1862).
    """
    index = 1.52 - 0.00007 * (nm - 400.0)
    pigment = chlorophyll_ug * chlorophyll_absorption(nm) + brown * 0.9 * np.exp(-(nm - 400.0) / 170.0)
    depth = (pigment + water_cm * water_absorption(nm) / 100.0 + dry_g * dry_matter_absorption(nm)) / layers
    depth = np.maximum(depth, 1e-4)
    tau = (1.0 - depth) * np.exp(-depth) + depth**2 * _exponential_integral(depth)
    t_cone = _interface_transmittance(index, 40.0)
    t_all = _interface_transmittance(index, 90.0)
    t_out = t_all / index**2
    r_in = 1.0 - t_out
    bounce = 1.0 - r_in**2 * tau**2
    r_90, t_90 = 1.0 - t_all + t_all * t_out * r_in * tau**2 / bounce, t_all * tau * t_out / bounce
    r_a, t_a = 1.0 - t_cone + t_cone * t_out * r_in * tau**2 / bounce, t_cone * tau * t_out / bounce
    return _stack_plates(r_a, t_a, r_90, t_90, layers)


def _stack_plates(
    r_a: np.ndarray, t_a: np.ndarray, r_90: np.ndarray, t_90: np.ndarray, layers: float
) -> Tuple[np.ndarray, np.ndarray]:
    """One plate under a cone of light upon ``layers - 1`` plates under diffuse light (Stokes' formulae)."""
    root = (1 + r_90 + t_90) * (1 + r_90 - t_90) * (1 - r_90 + t_90) * np.maximum(1 - r_90 - t_90, 1e-9)
    delta = np.sqrt(root)
    a = (1 + r_90**2 - t_90**2 + delta) / (2 * r_90)
    b = ((1 - r_90**2 + t_90**2 + delta) / (2 * t_90)) ** (layers - 1.0)
    below = a**2 * b**2 - 1.0
    r_rest, t_rest = a * (b**2 - 1.0) / below, b * (a**2 - 1.0) / below
    through = 1.0 - r_90 * r_rest
    return r_a + t_a * t_90 * r_rest / through, t_a * t_rest / through


def canopy(reflectance: np.ndarray, transmittance: np.ndarray, leaf_area: float, ground: np.ndarray) -> np.ndarray:
    """Reflectance of a leaf layer above ground, by Goudriaan's two-stream form for a leaf cloud.

    Source: Goudriaan, Crop Micrometeorology, Wageningen (1977), chapter 2: deep-canopy reflectance
    (1 - s) / (1 + s) with s = sqrt(1 - scattering), extinction 0.8 s.
    """
    s = np.sqrt(1.0 - np.minimum(reflectance + transmittance, 0.999))
    deep = (1.0 - s) / (1.0 + s)
    pull = (deep - ground) / (deep * ground - 1.0) * np.exp(-1.6 * s * leaf_area)
    return (deep + pull) / (1.0 + deep * pull)


def water_reflectance(
    nm: np.ndarray, chlorophyll_mg: float, sediment_g: float, humic_per_m: float, depth_m: float, bottom: np.ndarray
) -> np.ndarray:
    """Reflectance of a river or pond, bottom seen where it is shallow, with 0.7 % of sky mirrored.

    Args:
        nm: (n,) float64, wavelengths in nm.
        chlorophyll_mg: Algal chlorophyll in mg/m3.
        sediment_g: Suspended matter in g/m3.
        humic_per_m: Absorption of dissolved matter at 440 nm in 1/m.
        depth_m: Depth of the bottom.
        bottom: (n,) float64, reflectance of the bottom.

    Source: Lee, Carder and Arnone, Applied Optics 41 (2002) 5755 (reflectance from absorption and backscatter);
    Bricaud and others, Journal of Geophysical Research 100 (1995) 13321 (algae); Babin and others, same journal 108
    (2003) 3211 (sediment absorption, humic slope); Smith and Baker, Applied Optics 20 (1981) 177 (water's scatter).
    """
    algae = 0.0403 * chlorophyll_mg**0.668 * (gaussian(nm, 440, 45) + 0.45 * gaussian(nm, 676, 13))
    absorbed = water_absorption(nm) + algae + humic_per_m * np.exp(-0.0176 * (nm - 440.0))
    absorbed = absorbed + 0.031 * sediment_g * np.exp(-0.0123 * (nm - 443.0))
    scatter = 0.00093 * (550.0 / nm) ** 4.32 + 0.0105 * sediment_g * (550.0 / nm) ** 0.7
    u = scatter / (absorbed + scatter)
    below = (0.089 + 0.1245 * u) * u
    seen = np.exp(-2.2 * (absorbed + scatter) * depth_m)
    below = below * (1.0 - seen) + bottom / np.pi * seen
    above = np.pi * 0.52 * below / (1.0 - 1.7 * below)
    return above + 0.007 * (0.75 + 0.25 * (450.0 / nm) ** 2)


def sky_fraction(nm: np.ndarray, sun_elevation_deg: float) -> np.ndarray:
    """Share of diffuse skylight in the light on flat ground under a clear sky, 0..1.

    Source: Bird and Riordan, Journal of Climate and Applied Meteorology 25 (1986) 87:
    Rayleigh, and rural aerosol of turbidity 0.1 at 500 nm and asymmetry 0.65; ground reflection left out.
    """
    um = nm / 1000.0
    cos_zenith = np.sin(np.deg2rad(sun_elevation_deg))
    mass = 1.0 / cos_zenith
    rayleigh = np.exp(-mass / (um**4 * (115.6406 - 1.335 / um**2)))
    aerosol_depth = 0.1 * (um / 0.5) ** -1.14
    albedo = 0.945 * np.exp(-0.095 * np.log(um / 0.4) ** 2)
    absorbed = np.exp(-(1.0 - albedo) * aerosol_depth * mass)
    scattered = np.exp(-albedo * aerosol_depth * mass)
    log_asymmetry = np.log(1.0 - 0.65)
    a = log_asymmetry * (1.459 + log_asymmetry * (0.1595 + log_asymmetry * 0.4129))
    b = log_asymmetry * (0.0783 + log_asymmetry * (-0.3824 - log_asymmetry * 0.5874))
    forward = 1.0 - 0.5 * np.exp((a + b * cos_zenith) * cos_zenith)
    direct = rayleigh * absorbed * scattered
    diffuse = absorbed * (0.5 * (1.0 - rayleigh**0.95) + rayleigh**1.5 * (1.0 - scattered) * forward)
    return diffuse / (direct + diffuse)


def vapour_transmittance(nm: np.ndarray) -> np.ndarray:
    """Two-way transmittance of water vapour, 0..1, for about 2 cm of precipitable water.

    Band centres 820, 940, 1130, 1380, 1870 and beyond 2500 nm: Gao and Goetz, Journal of Geophysical Research 95
    (1990) 3549; depths are those of a mid-latitude summer.
    """
    depth = 0.07 * gaussian(nm, 720, 6) + 0.06 * gaussian(nm, 820, 9) + 0.65 * gaussian(nm, 940, 15)
    depth = depth + 0.75 * gaussian(nm, 1132, 18) + 5.5 * gaussian(nm, 1385, 30) + 6.5 * gaussian(nm, 1875, 42)
    return np.exp(-(depth + 1.8 * gaussian(nm, 2600, 85) + 0.18 * gaussian(nm, 2010, 18)))
