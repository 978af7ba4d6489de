# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas on an ellipsoid of revolution, exactly for zones of latitude, and for small quadrilaterals of any orientation.

Both go through the authalic sphere, onto which the ellipsoid is mapped with all areas kept: a latitude φ becomes the
authalic latitude β with sin β = q(φ) / q(90°), and the sphere's radius is a·√(q(90°) / 2).

Source: Snyder 1987, Map Projections - A Working Manual, U.S. Geological Survey Professional Paper 1395, Eq. 3-11 to
3-13; the excess of a spherical triangle after Van Oosterom and Strackee 1983, doi:10.1109/TBME.1983.325207.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid of revolution.

    Attributes:
        name: As the CRS calls it, such as "WGS 84".
        semi_major_m: Semi-major axis, in m.
        flattening: Flattening; 0 = a sphere.
    """

    name: str
    semi_major_m: float
    flattening: float

    @property
    def _eccentricity(self) -> float:
        return math.sqrt(self.flattening * (2.0 - self.flattening))

    @property
    def _q_pole(self) -> float:
        return float(self._q(np.array(1.0)))

    @property
    def authalic_radius_m(self) -> float:
        """Radius of the sphere of the same surface area, in m."""
        return self.semi_major_m * math.sqrt(self._q_pole / 2.0)

    def _q(self, sine: Floats) -> Floats:
        """Snyder's q of a latitude's sine, Eq. 3-12: the zone from the equator to there has the area π·a²·q."""
        e = self._eccentricity
        if e == 0.0:
            return 2.0 * sine
        q: Floats = (1.0 - e * e) * (sine / (1.0 - (e * sine) ** 2) + np.arctanh(e * sine) / e)
        return q

    def _q_between(self, low: Floats, high: Floats) -> Floats:
        """Difference of q between two latitudes, from differences alone, which keeps the digits of thin zones."""
        e = self._eccentricity
        sine_low, sine_high = np.sin(low), np.sin(high)
        step: Floats = 2.0 * np.cos((low + high) / 2.0) * np.sin((high - low) / 2.0)  # of the sine
        if e == 0.0:
            return 2.0 * step
        product = e * e * sine_low * sine_high
        rational = step * (1.0 + product) / ((1.0 - (e * sine_low) ** 2) * (1.0 - (e * sine_high) ** 2))
        q: Floats = (1.0 - e * e) * (rational + np.arctanh(e * step / (1.0 - product)) / e)
        return q

    def zone_area_m2(self, south: Floats, north: Floats, width: float) -> Floats:
        """Area between two parallels and two meridians.

        Args:
            south: Any shape, float64, latitude of one parallel, in radians; beyond a pole it counts as the pole.
            north: The same shape, float64, latitude of the other parallel, in radians.
            width: Difference of longitude between the meridians, in radians.

        Returns:
            The same shape, float64, m², never negative.
        """
        quarter = math.pi / 2.0
        low, high = (np.clip(latitude, -quarter, quarter) for latitude in (south, north))
        area: Floats = np.abs(self._q_between(low, high)) * (self.semi_major_m**2 * abs(width) / 2.0)
        return area

    def quad_area_m2(self, longitude: Floats, latitude: Floats) -> Floats:
        """Area of quadrilaterals, whose sides are great circles of the authalic sphere.

        Args:
            longitude: (n, 4) float64, corners in order around each quadrilateral, in radians; NaN where not known.
            latitude: (n, 4) float64, of the same corners, in radians.

        Returns:
            (n,) float64, m², never negative; NaN where a corner is not known.
        """
        z = self._q(np.sin(latitude)) / self._q_pole  # sine of the authalic latitude
        ring = np.sqrt(np.maximum((1.0 - z) * (1.0 + z), 0.0))
        corners = np.stack([ring * np.cos(longitude), ring * np.sin(longitude), z], axis=-1)  # (n, 4, 3)
        a, b, c, d = (corners[:, i] for i in range(4))
        excess = _triangle_excess(a, b, c) + _triangle_excess(a, c, d)
        area: Floats = np.abs(excess) * self.authalic_radius_m**2
        return area


def _triangle_excess(a: Floats, b: Floats, c: Floats) -> Floats:
    """Signed spherical excess of triangles of unit vectors, (n, 3) each; differences keep small ones exact."""
    volume = np.einsum("ij,ij->i", a, np.cross(b - a, c - a))
    cosines = np.einsum("ij,ij->i", a, b) + np.einsum("ij,ij->i", b, c) + np.einsum("ij,ij->i", c, a)
    excess: Floats = 2.0 * np.arctan2(volume, 1.0 + cosines)
    return excess
