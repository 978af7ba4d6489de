# SPDX-License-Identifier: GPL-2.0-or-later
"""What all algorithms share: icons, help, early checks, and handing a job to the worker process.

Layers are touched only in ``prepareAlgorithm``, which QGIS calls in the main thread; ``processAlgorithm`` sees paths
and plain values, so no algorithm needs the main thread.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
)
from qgis.PyQt.QtGui import QIcon

from ..engine.errors import EngineError, RuntimeMissingError
from ..engine.files.resources import resource_path
from ..process.interpreters import Interpreter, light_interpreter
from ..process.worker_client import WorkerCancelled, WorkerFailed, run_job
from ..runtime.management import find_runtime
from ..translation import translate
from .parameter_values import describe_parameters, with_enum_words
from .running import listening

# Which Python a job runs on: QGIS's own; the private runtime where it is installed; the private runtime or none.
LIGHT, PREFERRED, NEEDED = "light", "preferred", "needed"
HELP_URL = "https://github.com/special-qgis/special-qgis/blob/main/docs/parameters.md#special"


class SpecialAlgorithm(QgsProcessingAlgorithm):
    """Base of the plugin's algorithms."""

    ICON = "icon.svg"
    GROUP = ""  # permanent id of the group, a key of ``group_titles``
    RUNTIME = LIGHT  # which Python its job runs on
    RUNS_ENGINE = True  # False where the algorithm is of use without an interpreter for the engine

    def tr(self, text: str) -> str:
        """Translate a text of this class."""
        return translate(type(self).__name__, text)

    def createInstance(self) -> SpecialAlgorithm:
        """A fresh copy; QGIS runs copies."""
        return type(self)()

    def groupId(self) -> str:
        """Permanent id of the group."""
        return self.GROUP

    def group(self) -> str:
        """Group in the toolbox."""
        return group_titles()[self.GROUP]

    def icon(self) -> QIcon:
        """Icon in the toolbox."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        """Path of the icon."""
        return str(resource_path("icons", self.ICON))

    def helpUrl(self) -> str:
        """Page of the parameters, at this algorithm."""
        return f"{HELP_URL}{self.name()}"

    def description(self) -> str:
        """What the algorithm does, in a few sentences; paragraphs are lines."""
        raise NotImplementedError

    def shortHelpString(self) -> str:
        """The description, followed by the help of each parameter: one source for dialog and documentation."""
        return self.description() + "\n" + describe_parameters(self)

    def canExecute(self) -> Tuple[bool, str]:
        """Whether the engine's interpreter is there; light jobs need QGIS's own Python only."""
        if self.RUNS_ENGINE:
            try:
                _interpreter(self.RUNTIME)
            except EngineError as error:
                return False, str(error)
        return True, ""

    def checkParameterValues(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[bool, str]:
        """Refuse early what can be seen without reading pixels."""
        parameters = with_enum_words(self, parameters)
        try:
            problem = self.find_problem(parameters, context)
        except EngineError as error:
            problem = str(error)
        if problem:
            return False, problem
        self._name_report(parameters, context)
        accepted, message = super().checkParameterValues(parameters, context)
        return bool(accepted), str(message)

    def _name_report(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Have the Results Viewer name the report by tool and scene: it takes the title of the dialog's own output."""
        output = self.outputDefinition("REPORT")
        if output is None:
            return
        kind = translate("SpecialAlgorithm", "Report: {}").format(self.displayName())
        has_scene = self.parameterDefinition("INPUT") is not None
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context) if has_scene else None
        output.setDescription(f"{kind} – {layer.name()}" if layer is not None else kind)

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """What is wrong with the parameters, in words; empty when nothing is.

        May raise an ``EngineError`` instead.
        """
        return ""

    def cancelled_text(self) -> str:
        """What a user is told who has cancelled."""
        return translate("SpecialAlgorithm", "Cancelled; nothing was written.")

    def run_job(
        self, job: str, config: Mapping[str, Any], feedback: QgsProcessingFeedback, runtime: str = ""
    ) -> Dict[str, Any]:
        """Run a job of the engine in the worker process and wait for its result.

        Args:
            job: A key of ``engine.jobs.JOBS``.
            config: JSON form of its options.
            feedback: Feedback of the run.
            runtime: ``LIGHT``, ``PREFERRED`` or ``NEEDED``: which Python it runs on; "" = the algorithm's ``RUNTIME``.

        Raises:
            QgsProcessingException: The job failed or was cancelled; no output was written.
        """
        try:
            with listening(feedback) as progress:
                return run_job(job, dict(config), progress, _interpreter(runtime or self.RUNTIME))
        except WorkerCancelled as error:
            raise QgsProcessingException(self.cancelled_text()) from error
        except WorkerFailed as error:
            raise QgsProcessingException(f"{error.message} {error.hint}".strip()) from error
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error


def _interpreter(runtime: str) -> Interpreter:
    """The Python for a job.

    Raises:
        RuntimeMissingError: The private runtime is needed and not installed, or QGIS's own Python is not found.
    """
    found = None if runtime == LIGHT else find_runtime()
    if found is None and runtime == NEEDED:
        raise RuntimeMissingError(
            translate("SpecialAlgorithm", "This algorithm needs the engine's runtime, which is not installed."),
            translate(
                "SpecialAlgorithm", "Run 'Install runtime' once; it also works from a folder of wheels, offline."
            ),
        )
    return found or light_interpreter()


def group_titles() -> Dict[str, str]:
    """Titles of the groups in the toolbox, by id."""
    return {
        "landcover": translate("SpecialAlgorithm", "Land cover"),
        "scene": translate("SpecialAlgorithm", "Scene"),
        "accuracy": translate("SpecialAlgorithm", "Accuracy"),
        "setup": translate("SpecialAlgorithm", "Setup"),
    }
