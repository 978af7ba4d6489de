# SPDX-License-Identifier: GPL-2.0-or-later
"""Leave-one-scene-out choice of the spectral prior's constants: chosen on all scenes but one, judged on that one.

Run with ``python -m benchmarks.leave_one_out [--scenes FOLDER] [--write]``. Every choice below is a constant or a part
of the prior with its alternatives, among them the first form of the prior. For each scene, the choice starts from that
first form and goes through all constants in turn, twice, and keeps an alternative where it raises the mean of overall
and average accuracy over the *other* scenes. What is then measured on the scene left out is what a scene that nobody
has looked at may expect. Labels are read here and nowhere in the engine.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple
from unittest.mock import patch

import numpy as np
from osgeo import gdal

from benchmarks.labelled_scenes import (
    RESULTS,
    LabelledScene,
    labelled_folders,
    load_scene,
    run_prior,
    scenes_folder,
    score,
)
from benchmarks.machine import describe_machine, show
from special_qgis.engine.spectral_prior import prior as prior_module
from special_qgis.engine.spectral_prior import quantity, rules, scene_thresholds, self_training
from special_qgis.engine.spectral_prior.thresholds import Threshold, above, below

N_PASSES = 2
BUILT = ("asphalt", "concrete", "bitumen", "slate")
FLAT = ("bitumen", "slate", "white", "metal")  # flat in the visible and near infrared; asphalt and concrete rise
Rules = Dict[str, Tuple[Threshold, ...]]
Setting = Mapping[str, Any]  # name of a choice -> alternative

# The first alternative is the first form of the prior, the second what ships
CHOICES: Dict[str, Tuple[Any, ...]] = {
    "lit or shaded first": (False, True),
    "canopy green, share of the scene's own": (0.0, 0.65, 0.4, 1.0),
    "dark water": (False, True),
    "flat field": (False, True),
    "order of the mean over groups": (1.0, 2.0, 1.5, 3.0),
    "NDVI of vegetation": (0.38, 0.40, 0.46, 0.50),
    "green-red of grass": (None, -0.08, -0.04, 0.0),
    "NIR-blue of built ground": (None, 0.07, 0.05, 0.09),
    "mixed pixels by their size": (False, True),
    "self-training, share of the rules": (1.0, 0.7, 0.5, 0.85),
    "self-training, surest share": (0.7, 0.5, 0.3),
    "self-training, temperature": (1.0, 3.0, 10.0),
}
FIRST = {name: alternatives[0] for name, alternatives in CHOICES.items()}
SHIPPED = {name: alternatives[1] for name, alternatives in CHOICES.items()}


def _replaced(rule: Tuple[Threshold, ...], index: str, new: Tuple[Threshold, ...]) -> Tuple[Threshold, ...]:
    return (*(one for one in rule if one.index != index), *new)


def rules_of(setting: Setting) -> Tuple[Rules, Tuple[Threshold, ...]]:
    """Rules, and the thresholds of green vegetation, with the constants of a setting."""
    green = above("ndvi", setting["NDVI of vegetation"], 0.05)
    vegetation = tuple(green if one.index == "ndvi" else one for one in rules.VEGETATION)
    changed = dict(rules.RULES)
    for group in ("tree", "grass", "crop"):
        own = tuple(one for one in rules.RULES[group] if one not in rules.VEGETATION and one.index != "gr")
        changed[group] = (*vegetation, *own)
    if setting["green-red of grass"] is not None:
        changed["grass"] += (above("gr", setting["green-red of grass"], 0.05),)
    slope = setting["NIR-blue of built ground"]
    for group in {*BUILT, *FLAT}:
        least, most = (
            above("nb", -0.05 if slope is None or group in FLAT else slope, 0.05 if slope is None else 0.03),
            (),
        )
        if group in FLAT and slope is not None:
            most = (below("nb", slope + 0.02, 0.03),)
        changed[group] = _replaced(changed[group], "nb", (*((least,) if group in BUILT else ()), *most))
    return changed, vegetation


@contextmanager
def applied(setting: Setting) -> Iterator[None]:
    """The prior with other constants, for as long as the context lasts."""
    changed, vegetation = rules_of(setting)
    values: List[Tuple[Any, str, Any]] = [
        (rules, "RULES", changed),
        (scene_thresholds, "CANOPY_SHARE", setting["canopy green, share of the scene's own"]),
        (rules, "POWER", setting["order of the mean over groups"]),
        (prior_module, "VEGETATION", vegetation),
        (self_training, "RULES_SHARE", setting["self-training, share of the rules"]),
        (self_training, "SUREST_SHARE", setting["self-training, surest share"]),
        (self_training, "TEMPERATURE", setting["self-training, temperature"]),
    ]
    off: Dict[str, Tuple[Any, str, Callable[..., Any]]] = {
        "lit or shaded first": (rules, "_split_by_light", lambda *_: None),
        "dark water": (rules, "_dark_water", lambda indices: np.full_like(indices["brightness"], -100.0)),
        "mixed pixels by their size": (prior_module, "mixed_ndvi", lambda _: 0.0),
        "flat field": (quantity, "flat_field", lambda _, nm: np.ones(nm.size)),
    }
    values += [target for name, target in off.items() if not setting[name]]
    with ExitStack() as stack:
        for module, name, value in values:
            stack.enter_context(patch.object(module, name, value))
        yield


class Judge:
    """Accuracies of settings on scenes; nothing is measured twice."""

    def __init__(self, scenes: List[LabelledScene]) -> None:
        self.scenes = scenes
        self._known: Dict[Tuple[Any, ...], Dict[str, Tuple[float, float]]] = {}

    def figures(self, setting: Setting) -> Dict[str, Tuple[float, float]]:
        """Scene -> overall and average accuracy."""
        key = tuple(setting[name] for name in CHOICES)
        if key not in self._known:
            with applied(setting):
                self._known[key] = {scene.name: _accuracies(scene) for scene in self.scenes}
        return self._known[key]

    def merit(self, setting: Setting, left_out: str) -> float:
        """Mean of overall and average accuracy over all scenes but one."""
        figures = self.figures(setting)
        return float(np.mean([pair for name, pair in figures.items() if name != left_out]))

    def choose(self, left_out: str) -> Dict[str, Any]:
        """The setting that a greedy search finds without one scene."""
        chosen = dict(FIRST)
        for _ in range(N_PASSES):
            for name, alternatives in CHOICES.items():
                settings = [{**chosen, name: one} for one in (chosen[name], *alternatives)]
                chosen = max(settings, key=lambda one: self.merit(one, left_out))
        return chosen


def _accuracies(scene: LabelledScene) -> Tuple[float, float]:
    labels, _, _, scored = run_prior(scene, 0, True)
    figures = score(labels[scored], scene.reference[scored], len(scene.classes))
    return figures["oa"], figures["aa"]


def render(judge: Judge, chosen: Mapping[str, Dict[str, Any]]) -> str:
    """The tables in Markdown."""
    first, shipped = judge.figures(FIRST), judge.figures(SHIPPED)
    held_out = {name: judge.figures(setting)[name] for name, setting in chosen.items()}
    columns = (first, shipped, held_out)
    lines = [
        "# Constants chosen without the scene that they are judged on",
        "",
        f"Overall / average accuracy of the spectral prior alone. {describe_machine()}",
        "First form: before shadow split, canopy by the scene, dark water, flat field, power mean and self-training,",
        "with today's lexicon. Without this scene: constants chosen on the others only, from the first form, greedily.",
        "",
        "| scene | first form | as shipped | chosen without this scene |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | " + " | ".join(f"{one[name][0]:.3f} / {one[name][1]:.3f}" for one in columns) + " |"
        for name in chosen
    ]
    means = [np.mean(list(one.values()), axis=0) for one in columns]
    lines.append("| **mean** | " + " | ".join(f"{oa:.3f} / {aa:.3f}" for oa, aa in means) + " |")
    lines += [
        "",
        "## What was chosen",
        "",
        "| choice | alternatives | shipped | chosen, by number of scenes left out |",
    ]
    lines.append("|---|---|---|---|")
    for name, alternatives in CHOICES.items():
        taken = [setting[name] for setting in chosen.values()]
        counts = "; ".join(f"{_word(one)}: {taken.count(one)}" for one in alternatives if one in taken)
        listed = ", ".join(map(_word, alternatives))
        lines.append(f"| {name} | {listed} | {_word(SHIPPED[name])} | {counts} |")
    return "\n".join(lines) + "\n"


def _word(value: Any) -> str:
    return (
        {True: "yes", False: "no", None: "none"}.get(value, str(value))
        if not isinstance(value, float)
        else f"{value:g}"
    )


def main() -> None:
    """Choose, judge, print and, with ``--write``, keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", default="", help="folder of the real scenes")
    parser.add_argument("--write", action="store_true", help="write the tables to benchmarks/results/")
    options = parser.parse_args()
    gdal.UseExceptions()
    folder: Path = scenes_folder(options.scenes)
    judge = Judge([load_scene(one, (0,)) for one in labelled_folders(folder)])
    text = render(judge, {scene.name: judge.choose(scene.name) for scene in judge.scenes})
    show(text, RESULTS / "leave_one_out.md" if options.write else None)


if __name__ == "__main__":
    main()
