# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells what is read from a scene: bands, wavelengths, bad bands, value range, warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
)

from .html import page, write_page
from .outputs import file_output, written_files
from .parameter_kinds import report_parameter
from .scene_base import SceneAlgorithm
from .scene_parameters import area_parameters, input_parameter, reading_parameters
from .scene_tables import scene_tables


class InspectScene(SceneAlgorithm):
    """Describes a scene without changing or mapping anything."""

    ICON = "scene.svg"
    GROUP = "scene"

    def name(self) -> str:
        """Permanent id."""
        return "inspectscene"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Inspect hyperspectral scene")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        return self.tr("hyperspectral,metadata,wavelengths,bad bands,bbl,fwhm,information,check,bands").split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Tells what is read from a scene: bands, wavelengths, bands left out and why, values, warnings.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Reads a scene the way the other tools do and tells what was found: where the wavelengths come from, which "
            "bands are left out and why, the range of values, the share of valid pixels, and anything doubtful.\n"
            "Start here when a file gives an error or a map looks wrong."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        for parameter in [input_parameter(), *area_parameters(), *reading_parameters()]:
            self.addParameter(parameter)
        self.addParameter(report_parameter(self.tr("What was found, as a page.")))
        for name, label in (
            ("BANDS", self.tr("Bands in the file")),
            ("GOOD_BANDS", self.tr("Bands used")),
            ("ROWS", self.tr("Rows")),
            ("COLUMNS", self.tr("Columns")),
            ("SHORTEST_NM", self.tr("Shortest wavelength used, nm")),
            ("LONGEST_NM", self.tr("Longest wavelength used, nm")),
            ("VALID_SHARE", self.tr("Share of valid pixels")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, label))
        self.addOutput(QgsProcessingOutputString("SUMMARY", self.tr("What was found, as JSON")))
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("Status")))

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the job in the worker."""
        summary = self.run_job("inspect_scene", self.prepared_scene().to_json(), feedback)
        tables = scene_tables(summary)
        for table in tables[:3]:
            for label, value in table.rows:
                feedback.pushInfo(f"{label}: {value}")
        report = file_output(self, parameters, "REPORT", context)
        if report:
            title = self.tr("Scene {}").format(Path(self.prepared_scene().source).name)
            write_page(Path(report), page(title, tables))
        return {**written_files({"REPORT": report}, feedback), **_values(summary)}


def _values(summary: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        "BANDS": summary["file_bands"],
        "GOOD_BANDS": summary["good_bands"],
        "ROWS": summary["rows"],
        "COLUMNS": summary["cols"],
        "SHORTEST_NM": summary["wavelengths"]["first_nm"],
        "LONGEST_NM": summary["wavelengths"]["last_nm"],
        "VALID_SHARE": summary["valid_share"],
        "SUMMARY": json.dumps(summary, ensure_ascii=False),
        "STATUS": "ok with warnings" if summary["warnings"] else "ok",
    }
