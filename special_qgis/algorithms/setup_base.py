# SPDX-License-Identifier: GPL-2.0-or-later
"""What the algorithms of the group “Setup” share: they look after the plugin itself and touch no scene."""

from __future__ import annotations

from typing import Any, Dict

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingFeedback, QgsSettings

from .base import SpecialAlgorithm
from .proxy import qgis_proxy_url


class SetupAlgorithm(SpecialAlgorithm):
    """Looks after the plugin's runtime or models."""

    ICON = "setup.svg"
    GROUP = "setup"
    RUNS_ENGINE = False

    def flags(self) -> Any:
        """Of no use in batch."""
        return super().flags() & ~QgsProcessingAlgorithm.FlagSupportsBatch


class DownloadingAlgorithm(SetupAlgorithm):
    """May fetch something through the proxy of QGIS's settings."""

    def __init__(self) -> None:
        super().__init__()
        self.proxy = ""

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read QGIS's proxy settings; runs in the main thread."""
        self.proxy = qgis_proxy_url(QgsSettings())
        return True
