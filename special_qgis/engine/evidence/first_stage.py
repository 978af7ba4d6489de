# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stage of a classification: plans its sources of evidence, fits them to the scene, gives one evidence.

With the source automatic, all sources that can serve are used and fused; a source that is named is used alone. A source
that is not used is not fitted. Sources that tell groups of classes only are used wherever they have data.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..classes.classes import LandCoverClass
from ..config import ClassifyConfig
from ..errors import ConfigError
from ..progress import Progress, SubProgress
from ..report.formats import format_number
from ..report.summary import SourceReport
from ..scene.scene import Sample, Scene
from ..source_kinds import AUTOMATIC, SourceKind, source_kind, source_kinds
from ..spectral_prior import Interpretation, interpret
from .evidence import Evidence, FusedEvidence, SourceEvidence
from .fusion import Weighing, fit_fusion
from .source import RunRequest, SceneSample, Source

__all__ = ["FirstStage", "Sources", "fit_first_stage", "plan_sources"]

FUSION_TITLE = "fusion"
_FITTED = 0.95  # fraction of the stage at which the sources are fitted, where there are several


@dataclass(frozen=True)
class Sources:
    """The sources of a run, and the names as they read them."""

    planned: Tuple[Source, ...]  # in the order in which they are fitted
    interpretation: Interpretation

    @property
    def files(self) -> List[str]:
        """What the run reads for its sources, which no output may replace."""
        return [path for source in self.planned for path in source.files]

    @property
    def cost(self) -> float:
        """How long fitting takes, beside the spectral prior alone."""
        return sum(source.cost for source in self.planned)


@dataclass(frozen=True)
class FirstStage:
    """Result of fitting the first stage: its evidence and where it comes from."""

    evidence: Evidence
    stages: Tuple[str, ...]  # in words and in order
    estimates: Dict[str, Any]  # JSON values
    reports: Tuple[SourceReport, ...]  # of the sources
    interpretation: Optional[Interpretation] = None  # of the names, by the prior; None = not used

    @property
    def quantity(self) -> str:
        """ "reflectance" or "radiance", as a source treated the values; "" = no source says."""
        return next((report.quantity for report in self.reports if report.quantity), "")


def plan_sources(config: ClassifyConfig, classes: Sequence[LandCoverClass], progress: Progress) -> Sources:
    """Decide what is used, before the scene is opened, and warn of doubts about the names.

    Args:
        config: Options of the run.
        classes: Classes as typed, in the order of their ids.
        progress: Receives warnings.

    Raises:
        ModelError: The model that is named, or any where one is demanded, is not there.
        ClassListError: No source knows any of the names.
        RuntimeMissingError: A source is demanded and this Python cannot run it.
        ConfigError: An output or option needs a source that is not there.
    """
    request = RunRequest(tuple(classes), config, interpret(classes))
    found = [kind.load()(request, progress) for kind in _wanted(config)]
    planned: Tuple[Source, ...] = tuple(source for source in found if source is not None)
    whole = [source for source in planned if not source_kind(source.name).is_partial]
    if config.outputs.agreement and len(whole) < 2:
        used = ", ".join(source_kind(source.name).title for source in whole) or "none"
        raise ConfigError(
            f"outputs.agreement needs two sources of evidence or more; the run has only: {used}.",
            "Choose the source automatic and install what another source needs – CLIP a model – or leave the output "
            "out.",
        )
    for source in planned:
        source.check_names(len(whole) == 1, progress)
    return Sources(planned, request.interpretation)


def _wanted(config: ClassifyConfig) -> Tuple[SourceKind, ...]:
    """The sources that a run may use.

    Raises:
        ConfigError: A model is named and the source that is demanded needs none.
    """
    if config.source == AUTOMATIC:
        return source_kinds()
    kind = source_kind(config.source)
    if config.model and not kind.needs_model:
        raise ConfigError(
            f"model must be empty where source is {kind.name}; got {config.model!r}.",
            f"Choose {' or '.join(one.name for one in source_kinds() if one.needs_model)} or automatic, or leave the "
            "model out.",
        )
    return (kind, *(other for other in source_kinds() if other.is_partial))


def fit_first_stage(
    scene: Scene, sample: Sample, sources: Sources, resources: ExitStack, progress: Progress
) -> FirstStage:
    """Fit the sources to a scene.

    Args:
        scene: Open scene.
        sample: Sample of the scene's pixels that the sources are fitted to.
        sources: Sources of the run, from ``plan_sources``.
        resources: Stack that closes what the evidence keeps open, such as temporary files, when the run ends.
        progress: Receives progress and warnings; checked for cancel.

    Raises:
        EngineError: A source does not fit the scene.
        Cancelled: The user cancelled.
    """
    given = SceneSample(scene, sample, resources)
    if len(sources.planned) == 1:
        fitted = sources.planned[0].fit(given, progress)
        return _first_stage([fitted.report()], SourceEvidence(fitted), sources, fitted.estimates(True))
    done, several = 0.0, []
    for source in sources.planned:
        share = _FITTED * source.cost / sources.cost
        several.append(source.fit(given, SubProgress(progress, done, done + share)))
        done += share
    progress.report(_FITTED, "Fusing the sources")
    fusion = fit_fusion(several, sample, progress)
    estimates = {key: value for one in reversed(several) for key, value in one.estimates(False).items()}
    estimates["fusion"] = fusion.to_json()
    reports = [_with_weighing(one.report(), weighing) for one, weighing in zip(several, fusion.weighings)]
    return _first_stage(reports, FusedEvidence(several, fusion), sources, estimates)


def _with_weighing(report: SourceReport, weighing: Weighing) -> SourceReport:
    """A source's report with the numbers of the fusion in its section, where it has one."""
    if report.section is None:
        return report
    numbers = (
        ("Weight beside the other sources", format_number(weighing.weight)),
        ("Temperature", format_number(weighing.temperature)),
    )
    return replace(report, section=replace(report.section, pairs=(*report.section.pairs, *numbers)))


def _first_stage(
    reports: Sequence[SourceReport], evidence: Evidence, sources: Sources, estimates: Dict[str, Any]
) -> FirstStage:
    reports = tuple(reversed(reports))  # what is weighed stands before what it is weighed by
    stages = tuple(report.stage for report in reports) + ((FUSION_TITLE,) if len(reports) > 1 else ())
    reads_names = any(report.reads_names for report in reports)
    return FirstStage(evidence, stages, estimates, reports, sources.interpretation if reads_names else None)
