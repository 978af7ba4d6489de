# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells what the engine runs on: QGIS's own Python for light stages, the private runtime for heavy ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputBoolean,
    QgsProcessingOutputString,
)

from ..engine.errors import Cancelled, EngineError
from ..engine.models.registry import UNKNOWN_HASH
from ..engine.models.tasks import list_in
from ..engine.progress import SubProgress
from ..runtime.management import RuntimeStatus, check_light, check_runtime
from .html import Table, page, write_page
from .model_choice import qgis_models_folder
from .outputs import file_output, written_files
from .parameter_kinds import report_parameter
from .running import listening
from .setup_base import SetupAlgorithm


class CheckRuntime(SetupAlgorithm):
    """Reports interpreters, packages and graphics card."""

    def name(self) -> str:
        """Permanent id."""
        return "checkruntime"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Check runtime")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        return self.tr("runtime,python,status,diagnose,troubleshooting,gpu,cuda,torch,versions,setup").split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Tells which Python the engine runs on, what it can import, and which graphics card it sees.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Starts the Python interpreters that the engine uses and tells what they can do. QGIS's own Python runs "
            "all light stages (classification by the spectral prior, inspection, true colour, accuracy) and needs "
            "nothing installed. The private runtime adds PyTorch for heavy stages; “Install runtime” makes it. Models "
            "that are installed are listed as well; “Install model” brings more.\n"
            "Add this report when you report a problem."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self.addParameter(report_parameter(self.tr("What was found, as a page.")))
        self.addOutput(QgsProcessingOutputBoolean("READY", self.tr("The light stages can run")))
        self.addOutput(QgsProcessingOutputBoolean("RUNTIME_READY", self.tr("The private runtime can be used")))
        self.addOutput(QgsProcessingOutputString("STATUS", self.tr("What was found, as JSON")))

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Start both interpreters and ask them."""
        try:
            with listening(feedback) as progress:
                light = check_light(SubProgress(progress, 0.0, 0.3))
                private = check_runtime(SubProgress(progress, 0.3, 1.0))
        except Cancelled as error:
            raise QgsProcessingException(self.tr("Cancelled.")) from error
        parts = ((self.tr("QGIS's own Python"), light), (self.tr("Private runtime"), private))
        for title, status in parts:
            feedback.pushInfo(f"{title}: {self._headline(status)}")
            for problem in status.problems if status.found else ():
                feedback.pushWarning(problem)
        models = self._models(feedback)
        report = file_output(self, parameters, "REPORT", context)
        if report:
            tables = [self._table(title, status) for title, status in parts]
            write_page(Path(report), page(self.displayName(), [*tables, self._model_table(models)]))
        return {
            **written_files({"REPORT": report}, feedback),
            "READY": light.is_healthy,
            "RUNTIME_READY": private.is_healthy,
            "STATUS": json.dumps(
                {"light": _plain(light), "runtime": _plain(private), "models": models}, ensure_ascii=False
            ),
        }

    def _models(self, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """What is installed, told to the listener too."""
        try:
            found = list_in(qgis_models_folder())
        except EngineError as error:
            feedback.pushWarning(str(error))
            return {"folder": str(qgis_models_folder()), "default": "", "models": [], "known": []}
        names = ", ".join(model["name"] for model in found["models"]) or self.tr("none; “Install model” brings one")
        feedback.pushInfo(self.tr("Models in {}: {}").format(found["folder"], names))
        return found

    def _model_table(self, found: Dict[str, Any]) -> Table:
        header = (self.tr("Model"), self.tr("Architecture"), self.tr("Size"), self.tr("Licence"), self.tr("SHA-256"))
        rows = [
            (
                model["name"] + (self.tr(" (taken when none is named)") if model["name"] == found["default"] else ""),
                model["architecture"] or "–",
                f"{model['size_bytes'] / 1e6:.1f} MB",
                model["licence"],
                model["sha256"] or UNKNOWN_HASH,
            )
            for model in found["models"]
        ]
        empty = (self.tr("none"), "", "", "", "")
        return Table(self.tr("Models in {}").format(found["folder"]), header, rows or [empty])

    def _headline(self, status: RuntimeStatus) -> str:
        if not status.found:
            return " ".join(status.problems) or self.tr("not found")
        state = self.tr("ready") if status.is_healthy else self.tr("has problems")
        return self.tr("{state}, Python {version}").format(state=state, version=status.python or "?")

    def _table(self, title: str, status: RuntimeStatus) -> Table:
        rows: List[Tuple[str, str]] = [(self.tr("State"), self._headline(status))]
        if status.interpreter is not None:
            rows.append((self.tr("Program"), status.interpreter.path))
            rows.append((self.tr("Kind"), status.interpreter.description))
        rows.extend(status.versions.items())
        if status.found:
            rows.append((self.tr("Graphics card"), status.gpu or self.tr("none in use")))
        rows.extend((self.tr("Problem"), problem) for problem in status.problems if status.found)
        return Table(title, (), rows)


def _plain(status: RuntimeStatus) -> Dict[str, Any]:
    return {
        "found": status.found,
        "ready": status.is_healthy,
        "path": "" if status.interpreter is None else status.interpreter.path,
        "python": status.python,
        "versions": dict(status.versions),
        "gpu": status.gpu,
        "cuda": status.cuda,
        "problems": list(status.problems),
    }
