# SPDX-License-Identifier: GPL-2.0-or-later
"""A run's summary with every part filled in, for tests of reports."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from special_qgis.engine.report.images import encode_png
from special_qgis.engine.report.summary import ClassSummary, Histogram, MeanSpectrum, RunSummary


def make_summary(**changes: Any) -> RunSummary:
    """Three classes over 600 of 1000 pixels of 100 m²; ``changes`` replace fields."""
    edges = tuple(np.linspace(0, 1, 5).tolist())
    wavelengths = (450.0, 460.0, 470.0, 480.0, 600.0, 610.0, 620.0)
    spectrum = MeanSpectrum(1, wavelengths, (0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4), (0.01,) * 7, 42)
    picture = encode_png(np.full((4, 5, 4), 200, np.uint8))
    summary = RunSummary(
        title="Land cover of scene.tif",
        classes=(
            ClassSummary(1, "tree", "#2e7d32", 300, 0.5, 30000.0, 0.7, ("forest",), True, "tree"),
            ClassSummary(2, "roof", "#b04a3a", 200, 1 / 3, 20000.0, 0.4, (), True, "tile, slate"),
            ClassSummary(3, "gizmo", "#777777", 100, 1 / 6, 10000.0, float("nan"), (), False, ""),
        ),
        scene={"path": "/data/scene.tif", "good_bands": 7, "wavelengths": {"first_nm": 450.0}},
        status="ok with warnings",
        warnings=("“gizmo” is a word that nobody knows.",),
        classified_px=600,
        unclassified_px=50,
        invalid_px=350,
        pixel_area_m2=100.0,
        pixel_size=(10.0, 10.0),
        pixel_units="m",
        mean_confidence=0.55,
        inseparable=((2, 3),),
        confidence=Histogram(edges, (60, 140, 200, 200)),
        class_confidence={1: Histogram(edges, (0, 0, 100, 200)), 2: Histogram(edges, (60, 140, 100, 0))},
        spectra=(spectrum,),
        quantity="reflectance",
        map_png=picture,
        rgb_png=picture,
        timing_s={"Reading": 1.5, "Mapping": 3.5},
        parameters={"scene": {"source": "/data/scene.tif"}, "seed": 7},
        provenance={"version": "1.2.3", "parameters": {"seed": 7}, "estimates": {"sigma": 0.25}},
    )
    return dataclasses.replace(summary, **changes)
