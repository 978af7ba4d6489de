# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the plugin on the demo scene through the real ``qgis_process`` and leaves the results in ``demo-output/``.

The staged plugin (``make stage``) is enabled in a temporary profile. ``special:pseudolabels`` maps with each source of
the first stage and with both, ``special:classify`` runs the whole chain. All see the scene and the typed names only;
``special:assess`` then compares each map with the scene's truth. Without the runtime (``SPECIAL_PYTHON``) what needs
PyTorch is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

REPOSITORY = Path(__file__).resolve().parent.parent
BUILD = REPOSITORY / "build"
SCENE_SCRIPTS = REPOSITORY / "resources" / "demo"
QGIS_PYTHON = "/usr/bin/python3"
BAR_WIDTH = 32
# What qgis_process prints while an algorithm goes on, token by token.
TICKS = (*(token for tens in range(10) for token in (str(10 * tens), ".", ".", ".")), "100", " - done.")

sys.path[:0] = [str(REPOSITORY), str(SCENE_SCRIPTS)]


class Step(NamedTuple):
    """One map of the demo."""

    name: str  # of its files
    title: str
    algorithm: str
    options: Mapping[str, Any]
    note: str  # what it is made from, in the picture


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


class ProgressReader:
    """Takes apart what ``qgis_process`` prints: progress ticks here, lines of text there.

    Args:
        title: What is going on, printed before the bar.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.lines: List[str] = []
        self._line = ""
        self._n_ticks = 0
        self._is_terminal = sys.stdout.isatty()

    def feed(self, character: str) -> None:
        """Take one more character."""
        if character == "\n":
            if self._line.strip():
                self.lines.append(self._line)
            self._line = ""
            return
        self._line += character
        if self._n_ticks < len(TICKS) and self._line == TICKS[self._n_ticks]:
            self._n_ticks += 1
            self._show(self._line)
            self._line = ""

    def finish(self) -> None:
        """Draw the full bar and end its line."""
        self._n_ticks = len(TICKS)
        self._show("")
        say()

    def _show(self, token: str) -> None:
        fraction = min(1.0, self._n_ticks / (len(TICKS) - 1))
        if self._is_terminal:
            n_full = round(BAR_WIDTH * fraction)
            bar = "█" * n_full + "░" * (BAR_WIDTH - n_full)
            sys.stdout.write(f"\r  {self.title} {bar} {100 * fraction:3.0f} %")
        elif token.isdigit():
            start = f"  {self.title} " if token == "0" else ""
            sys.stdout.write(f"{start}{token} % ")
        sys.stdout.flush()


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def scene_folder(output: Path, seed: int) -> Path:
    """Folder of the scene, made unless these scripts made it before."""
    from demo_scene.scene import make_scene

    scripts = sorted(path for path in SCENE_SCRIPTS.rglob("*") if path.suffix in (".py", ".csv"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in scripts)).hexdigest()[:10]
    folder = output / "scene"
    stamp = f"{digest} seed {seed}\n"
    if (folder / "made_by.txt").is_file() and (folder / "made_by.txt").read_text(encoding="utf-8") == stamp:
        say("Scene: made before, used again.")
        return folder
    start = time.monotonic()
    partial = Path(tempfile.mkdtemp(prefix=".scene-", dir=output))
    try:
        make_scene(partial, seed)
        (partial / "made_by.txt").write_text(stamp, encoding="utf-8")
        partial.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"Scene: made from seed {seed} in {time.monotonic() - start:.1f} s.")
    return folder


def run_algorithm(qgis: Any, title: str, algorithm: str, parameters: Mapping[str, Any]) -> Dict[str, str]:
    """Run an algorithm, show how far it is, and give its results as text by key.

    Raises:
        DemoError: The algorithm failed; the message holds what QGIS said.
    """
    from tests.helpers.qgis_process import Completed, parameter_arguments

    command = qgis.command("run", algorithm, "--", *parameter_arguments(parameters))
    reader = ProgressReader(title)
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as log:
        with subprocess.Popen(
            command,
            env=qgis.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
        ) as process:
            for character in iter(lambda: process.stdout.read(1), ""):
                reader.feed(character)
        log.seek(0)
        done = Completed(tuple(command), process.returncode, "\n".join(reader.lines), log.read())
    if done.rc != 0:
        said = list(dict.fromkeys(line.replace("ERROR:\t", "") for line in done.errors.splitlines()))
        raise DemoError(f"{algorithm} failed (exit code {done.rc}).\n" + "\n".join(said or reader.lines))
    reader.finish()
    results, messages = split_output(reader.lines)
    for message in messages:
        say(f"    {message}")
    return results


def split_output(lines: List[str]) -> Tuple[Dict[str, str], List[str]]:
    """Results by key, and what the algorithm said between its inputs and its results."""
    titles = [i for i, line in enumerate(lines) if line.strip() in ("Inputs", "Results")]
    if not titles or lines[titles[-1]].strip() != "Results":
        raise DemoError("qgis_process ended well but printed no results:\n" + "\n".join(lines))
    first, last = titles[0], titles[-1]
    pairs = [line.split(":\t", 1) for line in lines[last:] if ":\t" in line]
    middle = [line for line in lines[first:last] if ":\t" not in line and not line.startswith("---")]
    return dict(pairs), [line for line in middle if line.strip() != "Inputs"]


def show_parameters(algorithm: str, parameters: Mapping[str, Any]) -> None:
    """Print what an algorithm is given."""
    say(f"\n{algorithm}")
    width = max(len(key) for key in parameters)
    for key, value in parameters.items():
        say(f"  {key:<{width}} = {value}")


def plan_steps(has_runtime: bool, has_model: bool) -> List[Step]:
    """The maps to make, the last one by the whole chain."""
    steps = [
        Step("prior", "Spectral prior", "special:pseudolabels", {"SOURCE": "spectral"}, "spectra and names, no weights")
    ]
    model = {"SOURCE": "automatic", "MODEL": "demo"} if has_runtime and has_model else {"SOURCE": "spectral"}
    if "MODEL" in model:
        by_clip = {"SOURCE": "clip", "MODEL": "demo"}
        steps += [
            Step("clip", "CLIP, demo model", "special:pseudolabels", by_clip, "true colour and names"),
            Step("fused", "First stage", "special:pseudolabels", model, "both, fused"),
        ]
    note = "refined by the network" if has_runtime else "without the network: no runtime"
    return [*steps, Step("map", "Land-cover map", "special:classify", model, note)]


def make_map(qgis: Any, step: Step, scene: Path, output: Path, seed: int) -> None:
    """Map the scene by class names."""
    parameters = {
        "INPUT": scene / "scene.dat",
        "CLASSES": "; ".join(class_names(scene)),
        **step.options,
        "SEED": seed,
        "OUTPUT": output / f"{step.name}.tif",
    }
    if step.name == "map":
        parameters.update(CONFIDENCE=output / "confidence.tif", REPORT=output / "report.html")
    show_parameters(step.algorithm, parameters)
    start = time.monotonic()
    run_algorithm(qgis, "classifying", step.algorithm, parameters)
    say(f"  took {time.monotonic() - start:.1f} s, QGIS's start included")


def assess(qgis: Any, step: Step, scene: Path, output: Path) -> Dict[str, Any]:
    """Score a map; gives the figures."""
    parameters = {"MAP": output / f"{step.name}.tif", "REFERENCE": scene / "truth.tif"}
    if step.name == "map":
        parameters.update(REPORT=output / "accuracy.html", TABLE=output / "accuracy.csv")
    results = run_algorithm(qgis, "comparing", "special:assess", parameters)
    figures = {key: float(results[key]) for key in ("OVERALL_ACCURACY", "AVERAGE_ACCURACY", "KAPPA")}
    return {**figures, "PER_CLASS": json.loads(results["PER_CLASS"])}


def class_names(scene: Path) -> List[str]:
    """The class names as an analyst would type them, in the order of the truth's ids."""
    return [name for name in (scene / "classes.txt").read_text(encoding="utf-8").split("\n") if name]


def show_accuracy(steps: List[Step], figures: Mapping[str, Mapping[str, Any]], names: List[str]) -> None:
    """Print overall figures of every map, and those of the last by class."""
    say("\nAccuracy against the scene's truth")
    width = max(len(step.title) for step in steps)
    say(f"  {'':<{width}}  overall  average  kappa")
    for step in steps:
        values = [figures[step.name][key] for key in ("OVERALL_ACCURACY", "AVERAGE_ACCURACY", "KAPPA")]
        say(f"  {step.title:<{width}}  {values[0]:7.3f}  {values[1]:7.3f}  {values[2]:5.3f}")
    last = figures[steps[-1].name]
    say(f"\n  overall accuracy {last['OVERALL_ACCURACY']:.3f}")
    say(f"  average accuracy {last['AVERAGE_ACCURACY']:.3f}")
    say(f"  kappa            {last['KAPPA']:.3f}")
    show_classes(last["PER_CLASS"], names)


def show_classes(per_class: Mapping[str, Any], names: List[str]) -> None:
    """Print the figures of each class."""
    width = max(len(name) for name in per_class)
    say(f"\n  {'class':<{width}}  recall  precision   pixels")
    for name in sorted(per_class, key=lambda name: names.index(name) if name in names else len(names)):
        row = per_class[name]
        values = [f"{row[key]:.3f}" if row[key] is not None else "–" for key in ("recall", "precision")]
        say(f"  {name:<{width}}  {values[0]:>6}  {values[1]:>9}  {row['n_reference']:>7}")


def draw_picture(
    qgis: Any, scene: Path, output: Path, steps: List[Step], figures: Mapping[str, Mapping[str, Any]]
) -> None:
    """Draw ``demo.png`` with QGIS's renderer, in a process of its own."""
    command = [QGIS_PYTHON, str(REPOSITORY / "tools" / "demo_picture.py"), str(scene / "scene.dat")]
    command += [str(scene / "truth.tif"), str(output)]
    for step in steps:
        of_map = figures[step.name]
        accuracies = (of_map["OVERALL_ACCURACY"], of_map["AVERAGE_ACCURACY"], of_map["KAPPA"])
        note = f"{step.note}: OA {accuracies[0]:.2f}, AA {accuracies[1]:.2f}, κ {accuracies[2]:.2f}"
        command += ["--map", step.name, step.title, note]
    (output / "demo.png").unlink(missing_ok=True)
    done = subprocess.run(command, env=qgis.environment(), capture_output=True, encoding="utf-8", check=False)
    if not (output / "demo.png").is_file():
        raise DemoError(f"The picture could not be drawn.\n{done.stdout}{done.stderr}")


def run(output: Path, seed: int) -> None:
    """The whole demo.

    Raises:
        DemoError: Something is missing or failed.
    """
    from special_qgis.engine.models.library import demo_model
    from tests.helpers.qgis_process import QgisProcess

    if not (BUILD / "special_qgis" / "metadata.txt").is_file():
        raise DemoError(f"The plugin is not staged in {BUILD}. Run 'make stage', or 'make demo' for everything.")
    output.mkdir(parents=True, exist_ok=True)
    steps = plan_steps(bool(os.environ.get("SPECIAL_PYTHON")), demo_model() is not None)
    with tempfile.TemporaryDirectory(prefix="special-demo-") as profile:
        try:
            qgis = QgisProcess(Path(profile), BUILD)
        except FileNotFoundError as error:
            raise DemoError(str(error)) from error
        scene = scene_folder(output, seed)
        figures = {}
        for step in steps:
            make_map(qgis, step, scene, output, seed)
            figures[step.name] = assess(qgis, step, scene, output)
        show_accuracy(steps, figures, class_names(scene))
        draw_picture(qgis, scene, output, steps, figures)
    say(f"\nResults in {output}")
    for name in ("demo.png", "map.tif", "confidence.tif", "report.html", "accuracy.html", "scene/scene.dat"):
        say(f"  {name}")


def main() -> int:
    """Read the command line and run the demo; 1 when it fails."""
    from demo_scene.scene import DEFAULT_SEED

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "demo-output", help="folder for the results")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"another town (default {DEFAULT_SEED})")
    arguments = parser.parse_args()
    try:
        run(arguments.output.resolve(), arguments.seed)
    except (DemoError, OSError) as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.exit(main())
