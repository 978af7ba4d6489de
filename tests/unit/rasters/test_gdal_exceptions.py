# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = """
from osgeo import gdal, ogr, osr
from special_qgis.engine.rasters.gdal_exceptions import use_exceptions, without_exceptions
modules = {{"gdal": gdal, "ogr": ogr, "osr": osr}}
for name in {order!r}:
    modules[name].UseExceptions()
use_exceptions()
reported = []
gdal.PushErrorHandler(lambda severity, number, text: reported.append(text))
with without_exceptions():
    assert not any(m.GetUseExceptions() for m in modules.values())
    assert gdal.Open("/nowhere") is None
gdal.PopErrorHandler()
assert len(reported) == 1, reported
assert all(m.GetUseExceptions() for m in modules.values())
try:
    gdal.Open("/nowhere")
except RuntimeError:
    print("raised")
"""
ORDERS = [(), *itertools.permutations(("gdal", "ogr", "osr"))]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(order) or "none")
def test_without_exceptions_switched_on_in_any_order_is_quiet_and_restores(order: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(order=order)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert run.stdout.strip() == "raised", run.stderr
