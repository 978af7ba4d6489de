# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of the spectral prior in pixel-bands per second, beside a naive form of the same rules.

Run with ``python -m benchmarks.prior_speed [--write]``. All bands of the scene count, also those that
the prior does not read. Times are processor seconds of one thread, the best of several runs. The naive form computes
every index from all bands with temporaries in float64, as the formulae are written. Both must agree before a figure
is printed.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from benchmarks.machine import describe_machine, show
from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.config import PriorConfig
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.spectral_prior import SpectralPrior
from special_qgis.engine.spectral_prior.bands import INDEX_HALF_WIDTH_NM
from special_qgis.engine.spectral_prior.indices import NORMALISED_DIFFERENCES
from special_qgis.engine.spectral_prior.rules import DARK_WATER, DARK_WATER_HANDICAP, POWER, RULES
from special_qgis.engine.spectral_prior.thresholds import Threshold
from tests.helpers.materials import axis_of, mixed_scene, sample_of

SIDE_PX = 256
MATERIALS = ["water", "soil", "asphalt", "concrete", "tile", "bitumen"]
NAMES = "water; bare soil; road; sidewalk; red roof; bitumen"  # groups whose rules are thresholds alone
MANY_NAMES = "water; tree; grass; corn; straw; bare soil; sand; gravel; road; sidewalk; roof; shadow; snow; burnt area"
RESULTS = Path(__file__).resolve().parent / "results" / "prior_speed.md"


def naive_probabilities(prior: SpectralPrior, nm: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rules as they are written, in float64 on all bands.

    Args:
        prior: Fitted, with ``adapt=False``.
        nm: (bands,) band centres.
        values: (bands, n) raw values.
    """
    statistics = prior._statistics
    correction = statistics.correction
    x = np.maximum((values.astype(np.float64) - correction.offset[:, None]) * correction.factor[:, None], 0.0)
    at = {centre: x[np.abs(nm - centre) <= width].mean(axis=0) for centre, width in INDEX_HALF_WIDTH_NM.items()}
    index: Dict[str, np.ndarray] = {
        name: (at[a] - at[b]) / (np.abs(at[a]) + np.abs(at[b]) + 0.012)
        for name, (a, b) in NORMALISED_DIFFERENCES.items()
    }
    index["cai"] = 3.0 * (0.5 * (at[2030] + at[2210]) - at[2100]) / (at[2100] + 0.01)
    index["nir"], index["swir"] = at[850], at[1650]
    index["built_ndvi"] = index["ndvi"] - statistics.mixed_ndvi
    positions = prior.band_indices[prior._plan.brightness]
    knots = statistics.brightness_knots
    index["brightness"] = x[positions].mean(axis=0)
    index["rank"] = np.interp(index["brightness"], knots, np.linspace(0.0, 1.0, len(knots)))
    evidence = {group: naive_evidence(RULES[group], index) for group in prior.interpretation.group_names}
    evidence["water"] = np.maximum(evidence["water"], naive_evidence(DARK_WATER, index) - DARK_WATER_HANDICAP)
    likelihood = np.array(
        [
            sum(weight * np.exp(POWER * evidence[group]) for group, weight in one.groups.items()) ** (1.0 / POWER)
            for one in prior.interpretation.classes
        ]
    )
    probabilities = likelihood / likelihood.sum(axis=0)
    powered = probabilities**0.5
    return powered / powered.sum(axis=0)


def naive_evidence(rule: Sequence[Threshold], index: Dict[str, np.ndarray]) -> np.ndarray:
    """Sum of the soft thresholds of one rule, as they are written."""
    total = np.zeros_like(index["ndvi"])
    for one in rule:
        z = one.sign * (index[one.index] - one.centre) / one.width
        total = total + one.weight * np.clip(-np.logaddexp(0.0, -z), -one.clip, 0)
    return total


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Best processor time of several runs."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return float(best)


def make_scene(n_bands: int) -> Tuple[np.ndarray, np.ndarray]:
    """Band centres and (bands, rows, cols) float32 of one tile."""
    nm = np.linspace(400.0, 2500.0, n_bands)
    n_px = SIDE_PX * SIDE_PX
    spectra = mixed_scene(MATERIALS, -(-n_px // len(MATERIALS)), nm)[:n_px]
    return nm, np.ascontiguousarray(spectra.T).reshape(n_bands, SIDE_PX, SIDE_PX)


def fit(cube: np.ndarray, nm: np.ndarray, names: str, adapt: bool) -> SpectralPrior:
    """The prior, fitted on every pixel of the tile."""
    sample = sample_of(np.ascontiguousarray(cube.reshape(len(nm), -1).T))
    config = PriorConfig(adapt=adapt)
    return SpectralPrior.fit(sample, axis_of(nm), parse_classes(names), config, "reflectance", NullProgress())


def check_agreement(prior: SpectralPrior, cube: np.ndarray, nm: np.ndarray) -> None:
    """Stop unless the fast form gives what the naive form gives."""
    fast = prior.predict(cube[prior.band_indices], np.ones(cube.shape[1:], bool))
    naive = naive_probabilities(prior, nm, cube.reshape(len(nm), -1)).reshape(fast.shape)
    if np.abs(fast - naive).max() > 1e-3:
        raise SystemExit(f"fast and naive form differ by {np.abs(fast - naive).max():.2g}; no figure on red")


def measure() -> List[Tuple[str, float, float]]:
    """Label, microseconds a pixel, million pixel-bands a second."""
    rows = []
    for n_bands in (100, 200, 430):
        nm, cube = make_scene(n_bands)
        valid = np.ones(cube.shape[1:], bool)
        prior = fit(cube, nm, NAMES, False)
        check_agreement(prior, cube, nm)
        runs: Dict[str, Tuple[Callable[[], object], int]] = {
            "naive, rules, 6 classes": (
                lambda p=prior, n=nm, c=cube: naive_probabilities(p, n, c.reshape(len(n), -1)),
                3,
            )
        }
        for names, adapt in ((NAMES, False), (NAMES, True), (MANY_NAMES, True)):
            fitted = fit(cube, nm, names, adapt)
            values = np.ascontiguousarray(cube[fitted.band_indices])
            label = f"{'adapted' if adapt else 'rules'}, {len(fitted.interpretation.classes)} classes"
            runs[f"{label}, reads {len(fitted.band_indices)} bands"] = (
                lambda p=fitted, v=values, ok=valid: p.predict(v, ok),
                5,
            )
        for label, (run, repeats) in runs.items():
            used = seconds(run, repeats)
            rows.append((f"{n_bands} bands, {label}", used / valid.size * 1e6, valid.size * n_bands / used / 1e6))
    return rows


def time_shares(n_largest: int = 6) -> List[Tuple[str, float]]:
    """Functions in which the time of one tile goes, the largest first."""
    nm, cube = make_scene(200)
    prior = fit(cube, nm, NAMES, True)
    values, valid = np.ascontiguousarray(cube[prior.band_indices]), np.ones(cube.shape[1:], bool)
    profile = cProfile.Profile()
    profile.runcall(prior.predict, values, valid)
    own = {key[2]: figures[2] for key, figures in pstats.Stats(profile).stats.items()}
    total = sum(own.values())
    return [(name, used / total) for name, used in sorted(own.items(), key=lambda item: -item[1])[:n_largest]]


def render(rows: List[Tuple[str, float, float]], shares: List[Tuple[str, float]]) -> str:
    """The tables in Markdown."""
    lines = [
        "# Speed of the spectral prior",
        "",
        f"One tile of {SIDE_PX} × {SIDE_PX} pixels, one thread, processor time. {describe_machine()}",
        "",
        "| form | µs a pixel | million pixel·bands / s |",
        "|---|---|---|",
        *(f"| {label} | {per_px:.2f} | {rate:.0f} |" for label, per_px, rate in rows),
        "",
        "The prior reads only the bands that its indices, its brightness and its anchors need, so its cost a pixel",
        "grows slower than the number of bands. Where the time of one tile goes (200 bands, adapted, profiled):",
        "",
        "| function | share |",
        "|---|---|",
        *(f"| `{name}` | {share:.0%} |" for name, share in shares),
        "",
        "All of it works on chunks that stay in the cache.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and, with ``--write``, keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table to benchmarks/results/")
    text = render(measure(), time_shares())
    show(text, RESULTS if parser.parse_args().write else None)


if __name__ == "__main__":
    main()
