# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.areas.ellipsoid import Ellipsoid

WGS84 = Ellipsoid("WGS 84", 6378137.0, 1 / 298.257223563)
SPHERE = Ellipsoid("sphere", 6371007.181, 0.0)
CLARKE = Ellipsoid("Clarke 1880", 6378249.145, 1 / 293.465)
ELLIPSOIDS = pytest.mark.parametrize("ellipsoid", [WGS84, SPHERE, CLARKE], ids=lambda one: one.name)


def integrated_zone(ellipsoid: Ellipsoid, south: float, north: float, width: float) -> float:
    """Area of a zone from the radii of curvature, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    latitude = (north - south) / 2 * nodes + (north + south) / 2
    e2 = ellipsoid.flattening * (2 - ellipsoid.flattening)
    curvature = 1 - e2 * np.sin(latitude) ** 2
    meridian = ellipsoid.semi_major_m * (1 - e2) / curvature**1.5
    parallel = ellipsoid.semi_major_m / np.sqrt(curvature) * np.cos(latitude)
    return float((north - south) / 2 * (weights * meridian * parallel).sum() * width)


def test_whole_wgs84_ellipsoid_has_its_published_area_and_authalic_radius() -> None:
    whole = WGS84.zone_area_m2(np.array(-math.pi / 2), np.array(math.pi / 2), 2 * math.pi)
    assert float(whole) == pytest.approx(510_065_621_724_000, rel=1e-11)  # NIMA TR8350.2, 510 065 621.724 km²
    assert WGS84.authalic_radius_m == pytest.approx(6_371_007.1810, abs=1e-3)  # Moritz 2000, Geodetic Reference System


@ELLIPSOIDS
@pytest.mark.parametrize("south", [-90, -60.5, -0.001, 0, 33, 52.3, 89], ids=str)
def test_zone_equals_the_integral_of_the_radii_of_curvature(ellipsoid: Ellipsoid, south: float) -> None:
    for height in (1.0, 0.01, 0.0001):
        low, high = math.radians(south), math.radians(south + height)
        expected = integrated_zone(ellipsoid, low, high, math.radians(0.1))
        assert float(ellipsoid.zone_area_m2(np.array(low), np.array(high), math.radians(0.1))) == pytest.approx(
            expected, rel=1e-8
        )


def test_zone_beyond_a_pole_ends_at_the_pole_and_direction_does_not_matter() -> None:
    low, pole, beyond = (np.array(math.radians(d)) for d in (89.0, 90.0, 93.0))
    assert WGS84.zone_area_m2(low, beyond, 0.1) == WGS84.zone_area_m2(low, pole, 0.1)
    assert WGS84.zone_area_m2(pole, low, -0.1) == WGS84.zone_area_m2(low, pole, 0.1)


@ELLIPSOIDS
@given(st.floats(-180, 180), st.floats(-85, 85), st.sampled_from([0.1, 0.01, 0.001]))
def test_small_quad_along_parallels_equals_its_zone(
    ellipsoid: Ellipsoid, west: float, south: float, side: float
) -> None:
    low, high = math.radians(south), math.radians(south + side)
    left, right = math.radians(west), math.radians(west + side)
    quad = ellipsoid.quad_area_m2(np.array([[left, right, right, left]]), np.array([[high, high, low, low]]))
    expected = float(ellipsoid.zone_area_m2(np.array(low), np.array(high), right - left))
    assert quad[0] == pytest.approx(expected, rel=side**2 * 1e-2 + 1e-8)


def test_quad_around_a_pole_is_finite_and_right() -> None:
    latitude = math.radians(89.99)
    quad = WGS84.quad_area_m2(np.radians([[0.0, 90.0, 180.0, 270.0]]), np.full((1, 4), latitude))
    side = math.sqrt(2) * math.radians(0.01) * 6399593.6258  # polar radius of curvature
    assert quad[0] == pytest.approx(side**2, rel=1e-5)


def test_quad_with_an_unknown_corner_has_no_area() -> None:
    assert np.isnan(WGS84.quad_area_m2(np.array([[0.0, 0.1, np.nan, 0.0]]), np.array([[0.0, 0.0, 0.1, 0.1]])))[0]
