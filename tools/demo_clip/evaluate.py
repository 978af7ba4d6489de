# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges a compact checkpoint on real scenes: its dense zero-shot maps against references it never saw.

The read-out is the plugin's: true colour with one stretch, SegEarth's tokens, 0.3 of the class token's cosine taken
off, softmax of 50 times the rest, windows of 96 px every 48, scales averaged. All scenes have the same settings.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import open_clip
import torch
import torch.nn.functional as F  # noqa: N812
from osgeo import gdal
from safetensors import safe_open

from special_qgis.engine.accuracy.confusion import Confusion, kappa, overall_accuracy
from special_qgis.engine.classes.classes import parse_classes
from special_qgis.engine.clip.compact import expand
from special_qgis.engine.config import SceneConfig
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.scene.rgb import QUANTILES, find_stretch, plan_mixer

from .network import IMAGE_PX, PATCH_PX, dense_tokens, normalise
from .tokens import templates, tokenize

gdal.UseExceptions()

STRIDE_PX = IMAGE_PX // 2
SCALES = (1.0, 2.0)
SHARPNESS = 50.0
DEBIAS = 0.3
WINDOWS_AT_ONCE = 16


@dataclass(frozen=True)
class RealScene:
    """A scene as the checkpoint sees it.

    Attributes:
        name: Folder.
        picture: (3, rows, cols) float32 in [0, 1].
        valid: (rows, cols) bool.
        names: Class names as typed.
        reference: (rows, cols), 0 = unlabelled; None where there is none.
    """

    name: str
    picture: np.ndarray
    valid: np.ndarray
    names: Tuple[str, ...]
    reference: Optional[np.ndarray]


def load_scene(folder: Path) -> RealScene:
    """Read a scene, its class names and its reference."""
    path = next(p for p in folder.iterdir() if p.stem == folder.name and p.suffix in (".tif", ".img"))
    with open_scene(SceneConfig(str(path))) as scene:
        mixer = plan_mixer(scene.axis)
        block = scene.read(scene.area)
        channels, valid = mixer.mix(block.values(mixer.band_indices)), block.valid
    low, high = find_stretch(channels[:, valid], *QUANTILES)
    picture = np.clip((channels - low) / (high - low), 0, 1) * valid
    names = tuple(one.name for one in parse_classes((folder / "classes.txt").read_text(encoding="utf-8")))
    path = folder / "reference.tif"
    reference = gdal.Open(str(path)).ReadAsArray() if path.exists() else None
    return RealScene(folder.name, picture.astype(np.float32), valid, names, reference)


def load_model(path: Path) -> open_clip.CLIP:
    """The checkpoint as open_clip's model."""
    with safe_open(path, "pt") as file:
        names = list(file.keys())
        state, config, _ = expand({name: file.get_tensor(name) for name in names}, file.metadata())
    model = open_clip.CLIP(**config)
    model.load_state_dict(state)
    return model.eval()


@torch.inference_mode()
def embed_names(model: open_clip.CLIP, names: Sequence[str]) -> torch.Tensor:
    """(names, embed) float32, unit length: the mean over all templates."""
    found = []
    for name in names:
        rows = torch.from_numpy(tokenize([template.replace("{}", name) for template in templates()]))
        found.append(F.normalize(F.normalize(model.encode_text(rows), dim=-1).mean(0), dim=-1))
    return torch.stack(found)


def _places(length_px: int) -> List[int]:
    """First pixels of windows that cover a length, spread evenly."""
    n = max(1, int(np.ceil((length_px - IMAGE_PX) / STRIDE_PX)) + 1)
    return [round(place) for place in np.linspace(0, length_px - IMAGE_PX, n)]


@torch.inference_mode()
def score_picture(model: open_clip.CLIP, picture: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Scores at one scale, averaged where windows overlap.

    Args:
        model: In eval mode.
        picture: (3, rows, cols) in [0, 1].
        texts: (names, embed), unit length.

    Returns:
        (names, rows, cols) float32, cosine less the class token's share.
    """
    rows, cols = picture.shape[-2:]
    missing = (0, max(0, IMAGE_PX - cols), 0, max(0, IMAGE_PX - rows))
    padded = F.pad(picture[None], missing, mode="reflect")[0]
    places = [(top, left) for top in _places(padded.shape[1]) for left in _places(padded.shape[2])]
    total = torch.zeros(len(texts), *padded.shape[1:])
    count = torch.zeros(padded.shape[1:])
    for start in range(0, len(places), WINDOWS_AT_ONCE):
        group = places[start : start + WINDOWS_AT_ONCE]
        windows = torch.stack([padded[:, top : top + IMAGE_PX, left : left + IMAGE_PX] for top, left in group])
        for (top, left), scores in zip(group, _score_windows(model, windows, texts)):
            total[:, top : top + IMAGE_PX, left : left + IMAGE_PX] += scores
            count[top : top + IMAGE_PX, left : left + IMAGE_PX] += 1
    return (total / count)[:, :rows, :cols]


def _score_windows(model: open_clip.CLIP, windows: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    tokens = dense_tokens(model.visual, normalise(windows))
    side = IMAGE_PX // PATCH_PX
    features = tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    fine = F.interpolate(features, scale_factor=PATCH_PX, mode="bilinear", align_corners=False)
    cosines = torch.einsum("nchw,kc->nkhw", F.normalize(fine, dim=1), texts)
    common = F.normalize(tokens[:, 0], dim=-1) @ texts.T
    return cosines - DEBIAS * common[:, :, None, None]


def map_scene(model: open_clip.CLIP, scene: RealScene, scales: Sequence[float] = SCALES) -> np.ndarray:
    """Class probabilities: (names, rows, cols) float32."""
    picture = torch.from_numpy(scene.picture)
    texts = embed_names(model, scene.names)
    rows, cols = scene.valid.shape
    total = torch.zeros(len(texts), rows, cols)
    for scale in scales:
        size = (round(rows * scale), round(cols * scale))
        resized = F.interpolate(picture[None], size, mode="bicubic", align_corners=False)[0].clamp(0, 1)
        chances = (SHARPNESS * score_picture(model, resized, texts)).softmax(0)
        total += F.interpolate(chances[None], (rows, cols), mode="area")[0]
    return (total / len(scales)).numpy()


def judge(scene: RealScene, labels: np.ndarray) -> Dict[str, Any]:
    """Overall accuracy, kappa, and the confusion matrix with the map in the rows."""
    counted = scene.valid & (scene.reference > 0)
    k = len(scene.names)
    counts = np.bincount((labels[counted] - 1) * k + scene.reference[counted] - 1, minlength=k * k).reshape(k, k)
    confusion = Confusion(scene.names, counts, np.zeros(k, np.int64))
    recalls = (np.diagonal(counts) / np.maximum(counts.sum(0), 1)).round(3).tolist()
    figures = {"kappa": round(kappa(confusion), 3), "overall": round(overall_accuracy(confusion), 3)}
    return {**figures, "recall": dict(zip(scene.names, recalls)), "confusion": counts.tolist()}


def evaluate(
    checkpoint: Path, scenes: Path, scales: Sequence[float] = SCALES, maps: Optional[Path] = None
) -> Dict[str, Dict[str, Any]]:
    """Judge a compact checkpoint on all scenes of a folder, and print what comes out.

    Args:
        checkpoint: Compact safetensors file.
        scenes: One folder for each scene.
        scales: Factors by which the picture is enlarged.
        maps: Folder for the maps as arrays; None = they are not kept.
    """
    model = load_model(checkpoint)
    found: Dict[str, Dict[str, Any]] = {}
    for folder in sorted(path for path in scenes.iterdir() if (path / "classes.txt").exists()):
        scene = load_scene(folder)
        labels = map_scene(model, scene, scales).argmax(0) + 1
        if maps is not None:
            maps.mkdir(parents=True, exist_ok=True)
            np.save(maps / f"{scene.name}.npy", (labels * scene.valid).astype(np.uint8))
        judged = scene.reference is not None
        found[scene.name] = judge(scene, labels) if judged else {"share": _shares(scene, labels)}
        print(scene.name, json.dumps(found[scene.name]), flush=True)
    return found


def _shares(scene: RealScene, labels: np.ndarray) -> Dict[str, float]:
    found = np.bincount(labels[scene.valid], minlength=len(scene.names) + 1)[1:] / scene.valid.sum()
    return dict(zip(scene.names, found.round(3).tolist()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="compact safetensors file")
    parser.add_argument("scenes", type=Path, help="folder of scenes, one folder each")
    parser.add_argument("--scales", type=float, nargs="+", default=list(SCALES))
    parser.add_argument("--maps", type=Path, help="folder for the maps as arrays")
    options = parser.parse_args()
    evaluate(options.checkpoint, options.scenes, options.scales, options.maps)


if __name__ == "__main__":
    main()
