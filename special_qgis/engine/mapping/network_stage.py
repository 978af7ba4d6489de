# SPDX-License-Identifier: GPL-2.0-or-later
"""Entry to the network stage for jobs that can do without it: maps with the network, or reports why it cannot.

The stage needs PyTorch, which QGIS's own Python does not have. A job that starts there still maps, by the first stage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional

from ..config import RefineConfig
from ..errors import RefinementError, RuntimeMissingError
from ..evidence.evidence import Evidence, decided_tiles
from ..heavy_stages import StageMissing, load_stage
from ..progress import Progress
from ..report.summary import LearningSummary
from .map_run import MapRun

NETWORK_NAME = "MambaHSI network"  # as a stage of the method, for people
_MODULE = ".refine.scene_learning"
NEEDED_PACKAGES = ("torch", "sklearn", "safetensors")


@dataclass(frozen=True)
class NetworkOptions:
    """Options of the network stage and where it runs."""

    config: RefineConfig
    device: str  # one of config.DEVICES
    seed: int
    provenance: Mapping[str, Any] = field(default_factory=dict)  # goes into the classifier file


def map_with_network(
    run: MapRun, evidence: Evidence, options: Optional[NetworkOptions], progress: Progress
) -> Optional[LearningSummary]:
    """Write a map: that of the network where it is wanted and works, else that of the first stage.

    Args:
        run: Receives the tiles of the map.
        evidence: Class probabilities of the first stage.
        options: Options of the network; None = the network is not wanted.
        progress: Receives progress, messages and warnings; checked for cancel.

    Returns:
        How the learning went; None where it was not wanted.

    Raises:
        RuntimeMissingError: A classifier file is wanted and the network cannot run.
    """
    learning = None
    has_first_stage = False
    if options is not None:
        progress.report(0.0, "Loading PyTorch")
        try:
            learnt: LearningSummary = load_stage(_MODULE, NEEDED_PACKAGES).learn_and_map(
                run, evidence, options, progress
            )
            return learnt
        except RefinementError as error:
            lost = " and there is no classifier" if run.classifier_path else ""
            run.listener.warn(f"{error.message} The map is the first stage's, without the network{lost}.")
            learning = LearningSummary(False, error.message)
            has_first_stage = True
        except StageMissing as error:
            if run.classifier_path:
                raise RuntimeMissingError(
                    f"The classifier file {run.classifier_path} cannot be made, because {error.reason}; the network "
                    "stage makes it.",
                    "Run 'Install runtime', or leave the classifier out.",
                ) from error
            tell = run.listener.warn if error.is_broken else run.listener.info
            tell(
                f"The network stage was left out, because {error.reason}. Run 'Install runtime' to have it, or switch "
                "the stage off."
            )
            learning = LearningSummary(False, error.reason)
    for tile in decided_tiles(run.scene, evidence, run.look, progress):
        if not has_first_stage:
            run.take_first_stage(tile)
        run.take(tile)
    run.watch.lap("Mapping")
    return learning
