# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells what the engine runs on: QGIS's own Python for light stages, the private runtime for heavy ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputBoolean,
    QgsProcessingOutputString,
)

from ..engine.errors import Cancelled
from ..engine.progress import SubProgress
from ..runtime import RuntimeStatus, check_light, check_runtime
from .base import SpecialAlgorithm
from .feedback import FeedbackProgress
from .html import Table, page, write_page
from .outputs import file_output, written_files
from .parameters import report_parameter


class CheckRuntime(SpecialAlgorithm):
    """Reports interpreters, packages and graphics card."""

    ICON = "setup.svg"
    GROUP = "setup"
    RUNS_ENGINE = False

    def name(self) -> str:
        """Permanent id."""
        return "checkruntime"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Check runtime")

    def flags(self) -> Any:
        """Of no use in batch."""
        return super().flags() & ~QgsProcessingAlgorithm.FlagSupportsBatch

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
            "nothing installed. The private runtime adds PyTorch for heavy stages; “Install runtime” makes it.\n"
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
        progress = FeedbackProgress(feedback)
        try:
            light = check_light(SubProgress(progress, 0.0, 0.3))
            private = check_runtime(SubProgress(progress, 0.3, 1.0))
        except Cancelled as error:
            raise QgsProcessingException(self.tr("Cancelled.")) from error
        parts = ((self.tr("QGIS's own Python"), light), (self.tr("Private runtime"), private))
        for title, status in parts:
            feedback.pushInfo(f"{title}: {self._headline(status)}")
            for problem in status.problems if status.found else ():
                feedback.pushWarning(problem)
        report = file_output(self, parameters, "REPORT", context)
        if report:
            write_page(Path(report), page(self.displayName(), [self._table(title, status) for title, status in parts]))
        return {
            **written_files({"REPORT": report}, feedback),
            "READY": light.is_healthy,
            "RUNTIME_READY": private.is_healthy,
            "STATUS": json.dumps({"light": _plain(light), "runtime": _plain(private)}, ensure_ascii=False),
        }

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
