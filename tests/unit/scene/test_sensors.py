# SPDX-License-Identifier: GPL-2.0-or-later
"""Sensor tables: plausible spectra, and clear errors for band counts that they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.errors import SpectraError
from special_qgis.engine.scene.sensors import SENSORS, sensor_table

KEYS = {
    "aviris_classic", "aviris_ng", "enmap", "prisma", "desis", "emit", "hyperion", "rosis", "casi_1500",
    "hyspex_vnir_1800", "hyspex_swir_384", "sentinel_2",
}  # fmt: skip

# Published centres in nm by band counted from 1, from product documents, none of which is a knot of the tables.
PUBLISHED = [
    ("enmap", 224, 61, 756.12),
    ("enmap", 224, 125, 1271.29),
    ("prisma", 234, 37, 703.74),
    ("prisma", 234, 148, 1813.05),
    ("emit", 285, 51, 753.14),
    ("emit", 285, 261, 2315.53),
    ("desis", 235, 60, 552.81),
    ("hyperion", 242, 50, 854.18),
    ("hyperion", 242, 79, 932.64),
    ("aviris_ng", 425, 6, 401.76),
]


def test_sensors_are_the_promised_ones():
    assert set(SENSORS) == KEYS


@pytest.mark.parametrize("key", sorted(KEYS))
def test_sensor_table_is_a_plausible_spectrum(key):
    sensor = SENSORS[key]
    assert sensor.key == key
    assert sensor.label and sensor.source
    for count in sensor.band_counts:
        table = sensor_table(key, count)
        assert table.centres_nm.size == count
        assert np.unique(table.centres_nm).size == count
        assert table.centres_nm.min() >= 350 and table.centres_nm.max() <= 2600
        assert table.fwhm_nm is None or (table.fwhm_nm.size == count and table.fwhm_nm.min() > 0)


@pytest.mark.parametrize(("key", "n_bands", "number", "nm"), PUBLISHED, ids=str)
def test_sensor_table_is_near_published_centres(key, n_bands, number, nm):
    assert sensor_table(key, n_bands).centres_nm[number - 1] == pytest.approx(nm, abs=1.5)


def test_sensor_of_another_band_count_names_what_is_accepted():
    with pytest.raises(SpectraError, match="has 239 bands, but the table of PRISMA is for 234 or 230"):
        sensor_table("prisma", 239)


def test_unknown_sensor_names_the_known_ones():
    with pytest.raises(SpectraError, match=r"'landsat' is not known.*sentinel_2"):
        sensor_table("landsat", 7)


def test_sentinel_2_without_its_coarse_bands_keeps_the_order():
    assert sensor_table("sentinel_2", 10).centres_nm[[0, 3, 9]].tolist() == [492.7, 704.1, 2202.4]
