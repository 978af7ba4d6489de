# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import numpy as np
import pytest

from special_qgis.engine.accuracy.assessment import Assessment, figures
from special_qgis.engine.accuracy.confusion import Confusion

# Olofsson et al. 2014, table 8, doi:10.1016/j.rse.2014.02.015
NAMES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED_PX = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def make_assessment(**changes: object) -> Assessment:
    fields = {
        "map": "/data/map.tif",
        "reference": "/data/points.gpkg",
        "how": "field class",
        "matched_by": "name",
        "confusion": Confusion(NAMES, COUNTS, np.zeros(4, np.int64)),
        "mapped_px": MAPPED_PX,
        "colours": ("#d62728", "#98df8a", "#2ca02c", "#c49c94"),
        "pixel_area_m2": 900.0,
        **changes,
    }
    return Assessment(**fields)  # type: ignore[arg-type]


def test_figures_hold_published_areas_with_margins() -> None:
    row = figures(make_assessment())["per_class"]["deforestation"]
    assert row["mapped_area_m2"] == 180_000_000.0
    assert row["adjusted_area_m2"] / 1e4 == pytest.approx(21_158, abs=0.6)
    assert row["adjusted_area_margin_m2"] / 1e4 == pytest.approx(6_158, abs=1.0)
    assert row["adjusted_recall_margin"] == pytest.approx(0.21, abs=0.005)


def test_figures_agree_with_the_matrix() -> None:
    found = figures(make_assessment())
    assert found["overall_accuracy"] == 587 / 640
    assert found["oa_interval"][0] < 587 / 640 < found["oa_interval"][1]
    assert found["n_px"] == 640
    assert found["per_class"]["forest gain"]["precision"] == 55 / 75
    assert found["area_adjusted"]["overall_accuracy"] == pytest.approx(0.947, abs=0.0006)


def test_figures_without_ground_units_have_shares_but_no_areas() -> None:
    row = figures(make_assessment(pixel_area_m2=None))["per_class"]["forest gain"]
    assert row["mapped_area_m2"] is row["adjusted_area_m2"] is row["adjusted_area_margin_m2"] is None
    assert row["adjusted_share"] == pytest.approx(0.013, abs=0.0005)


def test_figures_are_plain_json_without_nan() -> None:
    counts = np.array([[1, 0], [0, 5]])
    confusion = Confusion(("a", "b"), counts, np.zeros(2, np.int64))
    found = figures(make_assessment(confusion=confusion, mapped_px=np.array([10, 0]), colours=("#000000",) * 2))
    json.dumps(found, allow_nan=False)
    assert found["per_class"]["a"]["adjusted_share_margin"] is None


def test_figures_of_map_never_met_have_no_adjustment() -> None:
    confusion = Confusion(("a",), np.array([[0]]), np.array([4]))
    found = figures(make_assessment(confusion=confusion, mapped_px=np.array([10]), colours=("#000000",)))
    assert found["area_adjusted"] is None
    assert found["per_class"]["a"]["adjusted_area_m2"] is None
    assert found["overall_accuracy"] == 0.0
