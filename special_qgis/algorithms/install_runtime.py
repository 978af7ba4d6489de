# SPDX-License-Identifier: GPL-2.0-or-later
"""Installs the private runtime that heavy stages run on."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
)

from ..engine.errors import Cancelled, EngineError
from ..runtime.install import INDEXES
from ..runtime.management import RuntimeOptions, install_runtime
from .parameter_kinds import choice, helped
from .parameter_values import choice_value, string_value
from .running import listening
from .setup_base import DownloadingAlgorithm


class InstallRuntime(DownloadingAlgorithm):
    """Makes the private runtime."""

    def name(self) -> str:
        """Permanent id."""
        return "installruntime"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Install runtime")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        return self.tr("runtime,python,pip,torch,install,setup,offline,wheels,virtual environment").split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Installs the packages of heavy stages into a private folder; QGIS itself is not touched.")

    def description(self) -> str:
        """What the algorithm does."""
        return self.tr(
            "Makes a private Python environment with PyTorch and what else heavy stages need, outside QGIS and outside "
            "the plugin's folder. Classification by the spectral prior works without it.\n"
            "It downloads up to a few GB through the proxy that is set in QGIS, can be cancelled at any time, and "
            "leaves nothing behind when it fails. An existing environment is used in its place when the environment "
            "variable SPECIAL_PYTHON names its Python."
        )

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self.addParameter(
            helped(
                choice("INDEX", self.tr("Build of PyTorch"), INDEXES, RuntimeOptions.index),
                self.tr(
                    "default: with support for NVIDIA graphics cards where there is one for this system. "
                    "cpu: without, a much smaller download."
                ),
            )
        )
        self.addParameter(
            helped(
                QgsProcessingParameterFile(
                    "WHEELS",
                    self.tr("Folder of wheels, for machines without network"),
                    behavior=QgsProcessingParameterFile.Folder,
                    optional=True,
                ),
                self.tr(
                    "All packages as .whl files, downloaded on another machine: pip download --only-binary :all: "
                    "-r runtime-requirements.txt. Empty: download now."
                ),
            )
        )
        self.addParameter(
            helped(
                QgsProcessingParameterBoolean(
                    "REINSTALL", self.tr("Install again"), defaultValue=RuntimeOptions.reinstall
                ),
                self.tr("Replace a runtime that is installed already, to repair it."),
                advanced=True,
            )
        )
        self.addOutput(QgsProcessingOutputString("PYTHON", self.tr("Python of the runtime")))

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Install."""
        try:
            options = RuntimeOptions(
                index=choice_value(self, parameters, "INDEX", context),
                wheel_folder=string_value(self, parameters, "WHEELS", context),
                proxy=self.proxy,
                reinstall=self.parameterAsBool(parameters, "REINSTALL", context),
            )
            with listening(feedback) as progress:
                interpreter = install_runtime(options, progress)
        except Cancelled as error:
            raise QgsProcessingException(self.tr("Cancelled; nothing was installed.")) from error
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        return {"PYTHON": interpreter.path}
