# SPDX-License-Identifier: GPL-2.0-or-later
"""What the algorithms of the group “Setup” share: they look after the plugin itself and touch no scene."""

from __future__ import annotations

from typing import Any, Dict

from qgis.core import Qgis, QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingFeedback, QgsSettings

from .base import SpecialAlgorithm
from .proxy import qgis_proxy_url

# Since QGIS 3.36 the flags are an enumeration of their own; an "and" gives an int where Qt's flags are Python's.
_SUPPORTS_BATCH = (
    Qgis.ProcessingAlgorithmFlag.SupportsBatch
    if hasattr(Qgis, "ProcessingAlgorithmFlag")
    else QgsProcessingAlgorithm.FlagSupportsBatch
)


class SetupAlgorithm(SpecialAlgorithm):
    """Looks after the plugin's runtime or models."""

    ICON = "setup.svg"
    GROUP = "setup"
    RUNS_ENGINE = False

    def flags(self) -> Any:
        """Of no use in batch."""
        flags = super().flags()
        return type(flags)(flags & ~_SUPPORTS_BATCH)


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
