# SPDX-License-Identifier: GPL-2.0-or-later
"""The job of a campaign: list the scenes, have each mapped or skipped, write report, table and mosaics.

One campaign at a time works in an output folder; a campaign that was killed goes on where it was when it runs again.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ..classes.classes import LandCoverClass, class_file_of, parse_classes
from ..config import ScenesConfig
from ..errors import Cancelled, ConfigError, EngineError, RasterWriteError
from ..files.process_lock import LockHeldError, hold
from ..mapping.provenance import describe_run
from ..outputs.abandoned import remove_abandoned
from ..outputs.output_set import OutputSet
from ..outputs.style import paletted_qml
from ..progress import NullProgress, Progress, RecordingProgress, SubProgress, check_cancelled
from .findings import Campaign, SceneFinding
from .machine import Crew, plan_crew
from .mosaic import plan_mosaics, render_mosaic, render_thumbnail
from .report import MOST_THUMBNAILS, render_csv, render_html, render_json
from .scene_list import ListedScene, find_scenes
from .scene_task import DONE, FAILED, SKIPPED, Task
from .workers import Workers

__all__ = ["classify_scenes"]

LOCK_NAME = ".special-campaign.lock"
REPORT_NAME = "campaign"  # of report, its JSON and the table
MOSAIC_NAME = "mosaic"
_LISTED, _MAPPED = 0.02, 0.97  # fractions of the job
_MOST_NAMED = 5  # scenes in a warning


def classify_scenes(config: ScenesConfig, progress: Progress | None = None) -> Dict[str, Any]:
    """Map the land cover of many scenes with one class list.

    Args:
        config: Scenes, output folder, and the options of every scene.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Returns:
        Paths of report, table and mosaics, how many scenes ended how, sums over all, and each scene, as JSON values.

    Raises:
        EngineError: The list, the class names, the options or the output folder are not accepted.
        Cancelled: The user cancelled; finished scenes are kept, and nothing half-written.
    """
    listener = RecordingProgress(progress or NullProgress())
    began = time.monotonic()
    classes = parse_classes(config.classify.classes)
    scenes = find_scenes(config.scenes, config.classify.scene, listener)
    tasks = [_make_task(config, scene) for scene in scenes]
    folder = Path(config.output_folder).absolute()
    with _alone_in(folder), _cancel_told():
        for parent in (folder, *(Path(task.folder) for task in tasks)):
            remove_abandoned(parent)
        crew = plan_crew(config, len(tasks))
        outcomes = _run(tasks, crew, SubProgress(listener, _LISTED, _MAPPED))
        found = [_finding(scene, outcome) for scene, outcome in zip(scenes, outcomes)]
        _warn(found, listener)
        listener.report(_MAPPED, "Writing the campaign's report")
        campaign = _write(config, found, classes, (listener, crew, began))
    listener.report(1.0, "Done")
    return _result(campaign, folder, listener)


@contextlib.contextmanager
def _cancel_told() -> Iterator[None]:
    """Say of a cancel that it keeps what is finished."""
    try:
        yield
    except Cancelled as error:
        raise Cancelled("finished scenes are kept, and the same command goes on with the others.") from error


def _make_task(config: ScenesConfig, scene: ListedScene) -> Task:
    folder = Path(config.output_folder).absolute() / scene.name
    options = config.scene_config(scene.name, scene.scene, folder)
    return Task(scene.name, str(folder), options.to_json(), config.resume)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Make the output folder, and keep other campaigns out of it.

    Raises:
        ConfigError: Another campaign works in it.
        RasterWriteError: It cannot be used.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(hold(folder / LOCK_NAME))
        except LockHeldError as error:
            raise ConfigError(
                f"Another campaign, process {error.holder or 'unknown'}, works in the folder {folder}; only one at a "
                "time may.",
                "Wait for it, stop it, or choose another output folder.",
            ) from error
        except OSError as error:
            raise RasterWriteError(
                f"The output folder {folder} cannot be used: {error}.", "Choose a folder that can be written to."
            ) from error
        yield


def _run(tasks: Sequence[Task], crew: Crew, progress: Progress) -> List[Dict[str, Any]]:
    """Outcomes of all tasks, in their order."""
    outcomes: Dict[int, Dict[str, Any]] = {}
    with contextlib.closing(Workers(tasks, crew).outcomes(progress)) as ready:
        for place, outcome in ready:
            outcomes[place] = outcome
            progress.info(_told(tasks[place].name, outcome))
    return [outcomes[place] for place in range(len(tasks))]


def _told(name: str, outcome: Dict[str, Any]) -> str:
    if outcome["status"] == FAILED:
        return f"{name} failed: {outcome['message']}"
    return f"{name} {'is finished already' if outcome['status'] == SKIPPED else 'done'}, {outcome['seconds']:.1f} s"


def _finding(scene: ListedScene, outcome: Dict[str, Any]) -> SceneFinding:
    return SceneFinding(
        scene.name,
        scene.scene.source,
        outcome["status"],
        outcome["seconds"],
        outcome["result"],
        outcome.get("message", ""),
        outcome.get("hint", ""),
    )


def _warn(found: Sequence[SceneFinding], listener: RecordingProgress) -> None:
    """Report what concerns the campaign as a whole."""
    failed = [scene for scene in found if not scene.is_mapped]
    for scene in failed[:_MOST_NAMED]:
        listener.warn(f"The scene {scene.name} failed: {scene.message} {scene.hint}".strip())
    if len(failed) > _MOST_NAMED:
        listener.warn(f"{len(failed)} scenes failed; the report names each with its message.")
    n_doubtful = sum(bool(scene.warnings) for scene in found if scene.is_mapped)
    if n_doubtful:
        listener.warn(f"{n_doubtful} of {len(found)} scenes have warnings of their own; the report lists them.")
    n_unknown = sum(scene.result["classified_area_m2"] is None for scene in found if scene.is_mapped)
    if n_unknown:
        listener.warn(f"{n_unknown} scenes have no ground units; sums of areas do not count them.")


def _write(
    config: ScenesConfig,
    found: Sequence[SceneFinding],
    classes: Tuple[LandCoverClass, ...],
    run: Tuple[RecordingProgress, Crew, float],
) -> Campaign:
    """Write report, table and mosaics; all of them or none."""
    listener, crew, began = run
    folder = Path(config.output_folder).absolute()
    maps = {scene.name: str(scene.result["map"]) for scene in found if scene.is_mapped}
    inputs = [scene.source for scene in found if Path(scene.source).parent == folder]
    with OutputSet([*inputs, *filter(None, [class_file_of(config.classify.classes)])]) as outputs:
        mosaics = _write_mosaics(outputs, list(maps.values()), classes, folder, listener) if config.mosaic else []
        thumbnails = {}
        for name in list(maps)[:MOST_THUMBNAILS]:
            check_cancelled(listener)
            thumbnails[name] = render_thumbnail(maps[name], classes)
        made = {"made": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        threads = "1 thread" if crew.n_threads == 1 else f"{crew.n_threads} threads"
        campaign = Campaign(
            scenes=tuple(found),
            classes=classes,
            seconds=time.monotonic() - began,
            described=f"{crew.n_workers} {'worker' if crew.n_workers == 1 else 'workers'} of {threads}",
            mosaics=tuple(mosaics),
            warnings=tuple(listener.warnings),
            thumbnails=thumbnails,
            provenance={**made, **describe_run(config.to_json(), {})},
        )
        outputs.text(str(folder / f"{REPORT_NAME}.html"), render_html(campaign, folder))
        outputs.text(str(folder / f"{REPORT_NAME}.json"), render_json(campaign))
        outputs.text(str(folder / f"{REPORT_NAME}.csv"), render_csv(campaign))
        outputs.commit()
    return campaign


def _write_mosaics(
    outputs: OutputSet,
    maps: Sequence[str],
    classes: Tuple[LandCoverClass, ...],
    folder: Path,
    listener: RecordingProgress,
) -> List[str]:
    """Write a mosaic of each group of maps; returns their paths."""
    plan = plan_mosaics(maps)
    if plan.left_out and len(maps) > 1:
        names = ", ".join(Path(path).name for path in plan.left_out[:_MOST_NAMED])
        listener.warn(f"{len(plan.left_out)} maps are not georeferenced or not north up, and in no mosaic: {names}.")
    if len(plan.groups) > 1:
        listener.warn(f"The maps have {len(plan.groups)} coordinate reference systems; there is a mosaic of each.")
    paths = []
    for number, group in enumerate(plan.groups, start=1):
        check_cancelled(listener)
        stem = MOSAIC_NAME if number == 1 else f"{MOSAIC_NAME}_{number}"
        try:
            text = render_mosaic(group, classes, folder)
        except EngineError as error:  # the maps are what matters
            listener.warn(str(error))
            continue
        paths.append(str(folder / f"{stem}.vrt"))
        outputs.text(paths[-1], text)
        outputs.text(str(folder / f"{stem}.qml"), paletted_qml(classes))
    return paths


def _result(campaign: Campaign, folder: Path, listener: RecordingProgress) -> Dict[str, Any]:
    """What the job hands back to its caller, as JSON values."""
    return {
        "output_folder": str(folder),
        "report": str(folder / f"{REPORT_NAME}.html"),
        "table": str(folder / f"{REPORT_NAME}.csv"),
        "mosaic": campaign.mosaics[0] if campaign.mosaics else "",
        "mosaics": list(campaign.mosaics),
        "n_scenes": len(campaign.scenes),
        "n_done": campaign.count(DONE),
        "n_skipped": campaign.count(SKIPPED),
        "n_failed": campaign.count(FAILED),
        "classified_px": campaign.classified_px,
        "classified_area_m2": campaign.classified_area_m2,
        "mean_confidence": campaign.mean_confidence,
        "class_areas": {
            one.name: {"count": one.count_px, "share": one.share, "area_m2": one.area_m2} for one in campaign.totals()
        },
        "scenes": [scene.figures() for scene in campaign.scenes],
        "seconds": campaign.seconds,
        "status": listener.status,
        "warnings": list(listener.warnings),
    }
