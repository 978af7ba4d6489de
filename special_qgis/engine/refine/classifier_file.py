# SPDX-License-Identifier: GPL-2.0-or-later
"""A trained network as a file: weights and scaling as safetensors, everything else as JSON in its header.

Holds what another scene of the sensor needs to be mapped: band centres, scaling, classes with their colours, window
sizes, provenance. Reading executes nothing: the file has numbers and JSON only, and both are checked.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..classes.classes import MAX_CLASSES, LandCoverClass
from ..errors import InputError
from ..files.data_folder import is_file
from ..mamba import MambaHSI
from ..texts.plain_text import parse_json, shorten
from .fixed_norms import fix_norms
from .scaling import Scaling
from .train import TrainedNetwork

__all__ = ["ClassifierCard", "SavedClassifier", "encode_classifier", "read_classifier"]

HEADER_KEY = "special_classifier"  # of the safetensors metadata; its value is the card as JSON
VERSION = 2  # of the card; raised when a field changes its meaning
OLD_VERSIONS = (1,)  # that are read too: before 2, every class had an output of its own
_NETWORK, _MEAN, _VARIANCE = "network.", "norm_mean.", "norm_variance."  # beginnings of tensors' names
_FILL, _SPREAD = "scaling.fill", "scaling.spread"
_MAX_BANDS = 5000


@dataclass(frozen=True)
class ClassifierCard:
    """Description of a classifier, the JSON in the header of its file."""

    classes: Tuple[LandCoverClass, ...]
    centres_nm: Tuple[float, ...]  # ascending, of the bands that the network sees
    quantity: str  # of the values it was trained on: "reflectance", "radiance" or "unknown"
    low: float  # value of the scene that becomes 0
    high: float  # value that becomes 1
    uneven_sides: str  # argument of ``MambaHSI``
    window_px: int  # side of the windows that scenes are mapped in
    halo_px: int  # their least overlap
    learnt_px: Tuple[int, ...]  # pixels of each class in the map of the scene that was learnt
    provenance: Mapping[str, Any]
    outputs: Tuple[int, ...]  # of the network, from 0, for each class; classes that it was not taught apart share one

    def __post_init__(self) -> None:
        centres = np.array(self.centres_nm, float)
        ascending = centres.size > 0 and np.isfinite(centres).all() and bool((np.diff(centres) > 0).all())
        if not ascending or not 2 <= len(self.classes) <= MAX_CLASSES or centres.size > _MAX_BANDS:
            raise ValueError("band centres or classes are out of range")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError("the scaling is out of range")
        if not 32 <= self.window_px <= 4096 or not 0 <= self.halo_px <= self.window_px // 4:
            raise ValueError("window sizes are out of range")
        if len(self.learnt_px) != len(self.classes):
            raise ValueError("pixel counts do not fit the classes")
        if len(self.outputs) != len(self.classes) or sorted(set(self.outputs)) != list(range(self.n_outputs)):
            raise ValueError("outputs do not fit the classes")
        if [c.id for c in self.classes] != list(range(1, len(self.classes) + 1)):
            raise ValueError("class ids are not 1, 2, …")

    @property
    def n_outputs(self) -> int:
        """Number of outputs of the network."""
        return max(self.outputs, default=-1) + 1


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier read from a file."""

    card: ClassifierCard
    network: MambaHSI  # in evaluation mode, on the CPU, its normalisations fixed
    scaling: Scaling


def encode_classifier(trained: TrainedNetwork, card: ClassifierCard) -> bytes:
    """Content of a classifier file; the same for the same arguments.

    Args:
        trained: Trained ``MambaHSI`` with its scaling and the statistics of its normalisations.
        card: Classes, band centres, window sizes and provenance that go into the header.
    """
    weights = trained.network.state_dict()
    tensors = {_NETWORK + name: value.detach().cpu().contiguous() for name, value in weights.items()}
    for name, (mean, variance) in trained.norms.items():
        tensors[_MEAN + name], tensors[_VARIANCE + name] = mean, variance
    tensors[_FILL] = torch.from_numpy(trained.scaling.fill.copy())
    tensors[_SPREAD] = torch.from_numpy(trained.scaling.spread.copy())
    header = {"version": VERSION, **asdict(card)}
    return save(tensors, {HEADER_KEY: json.dumps(header, ensure_ascii=False, sort_keys=True)})


def read_classifier(path: str) -> SavedClassifier:
    """Read a classifier file.

    Raises:
        InputError: The file is missing, damaged, of another kind or of a newer version.
    """
    if not is_file(Path(path)):
        raise InputError(
            f"The classifier {path} does not exist; a file that the classification or refinement has written as "
            "CLASSIFIER is accepted.",
            "Check the path.",
        )
    try:
        with safe_open(path, framework="pt") as opened:
            header = (opened.metadata() or {}).get(HEADER_KEY, "")
            tensors = {name: opened.get_tensor(name) for name in opened.keys()} if header else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, f"it is damaged or no safetensors file ({shorten(error, 200)})") from error
    if not header:
        raise _unreadable(path, "it is a safetensors file of another kind")
    try:
        return _restore(parse_json(header), tensors)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError) as error:
        raise _unreadable(path, f"its content does not fit together ({shorten(error, 200)})") from error


def _restore(header: Dict[str, Any], tensors: Dict[str, torch.Tensor]) -> SavedClassifier:
    version = header.pop("version")
    if version not in (VERSION, *OLD_VERSIONS):
        raise ValueError(f"it has version {version!r}, and this plugin reads version {VERSION}; update the plugin")
    classes = tuple(
        LandCoverClass(int(c["id"]), str(c["name"]), tuple(map(str, c["aliases"])), str(c["colour"]))
        for c in header.pop("classes")
    )
    centres_nm, learnt_px = tuple(map(float, header.pop("centres_nm"))), tuple(map(int, header.pop("learnt_px")))
    outputs = tuple(map(int, header.pop("outputs", range(len(classes)))))
    card = ClassifierCard(classes, centres_nm, learnt_px=learnt_px, outputs=outputs, **header)
    n_bands = len(card.centres_nm)
    network = MambaHSI(n_bands, card.n_outputs, card.uneven_sides)
    weights = {name.removeprefix(_NETWORK): value for name, value in tensors.items() if name.startswith(_NETWORK)}
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise ValueError("a weight is not a number")
    network.load_state_dict(weights)
    means = {name.removeprefix(_MEAN): value for name, value in tensors.items() if name.startswith(_MEAN)}
    fix_norms(network, {name: (mean, tensors[_VARIANCE + name]) for name, mean in means.items()})
    scaling = Scaling(card.low, card.high, _vector(tensors[_FILL], n_bands), _vector(tensors[_SPREAD], n_bands))
    return SavedClassifier(card, network.eval(), scaling)


def _vector(tensor: torch.Tensor, length: int) -> NDArray[np.float32]:
    if tuple(tensor.shape) != (length,):
        raise ValueError(f"the scaling has shape {tuple(tensor.shape)} where {length} bands are named")
    vector: NDArray[np.float32] = tensor.float().numpy()
    return vector


def _unreadable(path: str, reason: str) -> InputError:
    return InputError(
        f"The classifier {path} cannot be used: {reason}; a file that the classification or refinement has written as "
        "CLASSIFIER is accepted.",
        "Choose such a file, or write it again.",
    )
