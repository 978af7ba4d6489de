# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads a CLIP checkpoint into an unmodified open_clip model: from a file, never from the network.

Takes a path, gives the model with its tokenizer and what the first stage needs of it. The architecture comes from,
in this order: the safetensors metadata ``open_clip_config``, ``open_clip_config.json`` beside the file, the card of the
import, the shapes of the weights. Whichever is found has to fit the weights.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch

from ..errors import InputError, ModelError
from ..models.architecture import CONFIG_KEY, check_config, difference, infer, name_of, normal_names, parse_config
from ..models.card import ModelCard, card_of
from ..models.hashing import check_hash, sha256_of
from ..models.inspection import TORCH, find_config, find_format
from ..models.registry import ModelEntry, entry_named, entry_of_file_name, entry_of_hash
from ..models.torch_archive import read_archive
from ..progress import Progress, SubProgress, check_cancelled
from .compact import expand, is_compact
from .loaded_clip import OPENAI_MEAN, OPENAI_STD, LoadedClip
from .tensor_files import Tensors, read_tensors, shapes_of

for _variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):  # read when open_clip imports Hugging Face's packages
    os.environ[_variable] = "1"

import open_clip  # noqa: E402
from open_clip.tokenizer import SimpleTokenizer  # noqa: E402

_TOKENIZER_OPTIONS = ("clean", "reduction_mask")  # of open_clip's own tokenizer
_NAMED_DIFFERENCES = 3  # in a message

Config = Dict[str, Any]


def load_clip(path: Path, progress: Progress) -> LoadedClip:
    """Load a checkpoint in float32, on the processor.

    Args:
        path: A checkpoint: safetensors, file of ``torch.save``, or OpenAI's archive.
        progress: Receives progress, and warnings of what had to be assumed; checked for cancel.

    Raises:
        ModelError: Not there, wrong hash, no checkpoint, damaged, unsafe, or of an architecture that cannot be used.
        Cancelled: The user cancelled.
    """
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}.", "Run ‘Install model’ to bring one.")
    file = _identify(path, SubProgress(progress, 0.0, 0.3))
    tensors, metadata = read_tensors(path, SubProgress(progress, 0.3, 0.6))
    try:
        tensors, metadata, known_words = _expanded(tensors, metadata)
        tensors = {normal: tensors[name] for name, normal in normal_names(tensors).items()}
        facts = infer(shapes_of(tensors))
        inferred = facts.config
        found = _find_config(file, inferred, metadata)
        if found is None and facts.not_told:
            raise ModelError(facts.not_told, "Import it again with its architecture named.")
        config = dict(inferred) if found is None else found
        if "quick_gelu" not in config:
            config["quick_gelu"] = _activation(file, found is None, progress)
        model = _build(config, tensors)
    except (ModelError, InputError) as error:
        if isinstance(error, ModelError) and str(path) in error.message:
            raise
        raise ModelError(f"{path}: {error.message}", error.hint) from error
    check_cancelled(progress)
    progress.report(1.0, "The model is loaded")
    name = name_of({**inferred, "quick_gelu": config["quick_gelu"]})
    return _describe(model, config, name, file, known_words)


def _expanded(tensors: Tensors, metadata: Dict[str, str]) -> Tuple[Tensors, Dict[str, str], Optional[Tuple[str, ...]]]:
    """Full weights, metadata with the configuration, and the learnt words, of a file in the plugin's compact form.

    Any other file comes back as it is, without words.
    """
    if not is_compact(metadata):
        return tensors, metadata, None
    state, config, words = expand(tensors, metadata)
    return state, {**metadata, CONFIG_KEY: json.dumps(config)}, words


class _File(NamedTuple):
    """A checkpoint's file and who it is."""

    path: Path
    sha256: str
    card: Optional[ModelCard]  # None where it was never imported
    entry: Optional[ModelEntry]  # None where the plugin does not know it

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name if self.card is not None else self.path.stem


def _identify(path: Path, progress: Progress) -> _File:
    """Hash a file, and make sure that it is what its card, or else its name, stands for.

    Raises:
        ModelError: It is not.
    """
    sha256 = sha256_of(path, progress)
    card = card_of(path)
    entry = entry_named(card.name) if card is not None else entry_named(path.stem) or entry_of_file_name(path.name)
    wanted = card.sha256 if card is not None else (entry.sha256 or "" if entry is not None else "")
    check_hash(str(path), wanted, sha256, is_guess=card is None)
    return _File(path, sha256, card, entry_of_hash(sha256) or entry)


def _find_config(file: _File, inferred: Mapping[str, Any], metadata: Mapping[str, str]) -> Optional[Config]:
    """The configuration to build, which fits the weights; None where there is nothing but the weights."""
    named = _named_config(file)
    if named is not None and file.card is not None:
        _require_fit(named, inferred, f"The architecture {file.card.named_architecture}, named at the import,")
    if CONFIG_KEY in metadata or file.card is None:
        config, origin = find_config(file.path, metadata), "The configuration that comes with the file"
    elif file.card.config is not None:  # in the folder of models a file beside it may belong to another model
        origin = "The card of the model"
        config = parse_config(json.dumps(file.card.config), origin)
    else:
        config = None
    if config is None:
        return named
    _require_fit(config, inferred, origin)
    return {**config, "quick_gelu": True} if named is not None and named.get("quick_gelu") else dict(config)


def _require_fit(config: Mapping[str, Any], inferred: Mapping[str, Any], origin: str) -> None:
    found = difference(config, inferred)
    if found:
        raise ModelError(
            f"{origin} does not fit the weights, which are of {name_of(inferred)}: the {found}.",
            "Name another architecture, or none.",
        )


def _named_config(file: _File) -> Optional[Config]:
    """open_clip's own configuration of the architecture that was named at the import; None = none was."""
    wanted = file.card.named_architecture.strip().replace("/", "-") if file.card is not None else ""
    names = {name.lower(): name for name in open_clip.list_models()}
    if wanted.lower() not in names:
        return None
    found = open_clip.get_model_config(names[wanted.lower()])
    check_config(found, f"The architecture {wanted}")
    return dict(found)


def _activation(file: _File, is_inferred: bool, progress: Progress) -> bool:
    """Whether QuickGELU is meant where the configuration leaves it open: the weights look the same for both."""
    for known in (file.card, file.entry):
        if known is not None and known.quick_gelu is not None:
            return known.quick_gelu
    name = file.path.name
    if find_format(file.path) == TORCH and read_archive(file.path).is_torchscript:
        progress.warn(f"{name} is an archive of OpenAI's form, so QuickGELU is assumed, as OpenAI trained with it.")
        return True
    if is_inferred:
        progress.warn(
            f"{name} does not say whether it was trained with GELU or QuickGELU; GELU is assumed. If the map is poor, "
            "import it again with its architecture named, for example ViT-B-16-quickgelu."
        )
    return False  # what open_clip takes where a configuration says nothing


def _build(config: Config, tensors: Tensors) -> Any:
    """The model with its weights, in float32."""
    options: Config = {key: config[key] for key in ("embed_dim", "quick_gelu")}
    options["vision_cfg"] = {**config["vision_cfg"], "output_tokens": False, "patch_dropout": 0.0}
    options["text_cfg"] = {
        key: value for key, value in config["text_cfg"].items() if not key.startswith(("tokenizer", "hf_"))
    }
    if "logit_bias" in tensors:
        options["init_logit_bias"] = 0.0
    if tensors.get("logit_scale", torch.zeros(())).ndim == 1:
        options["nonscalar_logit_scale"] = True
    try:
        with torch.device("meta"):  # no first weights are drawn: that takes seconds, and random numbers from others
            model = open_clip.CLIP(**options, cast_dtype=None)
    except (TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError) as error:
        raise ModelError(f"The configuration describes no model that open_clip can build: {error}.") from error
    _load_weights(model, tensors)
    return model.eval().requires_grad_(False)


def _load_weights(model: Any, tensors: Tensors) -> None:
    """Give a model that has none its weights; all of them must be there, and no other ones.

    Raises:
        ModelError: They do not fit the model, or are not all finite.
    """
    wanted = shapes_of(model.state_dict())
    found = shapes_of(tensors)
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    other = [
        f"{name} is {found[name]} in place of {wanted[name]}"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    problems = [
        f"{words}: {_some(names)}"
        for words, names in (("missing", missing), ("unknown", extra), ("of another shape", other))
        if names
    ]
    if problems:
        raise ModelError(
            f"The weights do not fit the architecture: {'; '.join(problems)}.",
            "The file is incomplete or of another kind of model; name its architecture if you know it.",
        )
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor.float()).all())]
    if bad:
        raise ModelError(f"The weights are not finite numbers: {_some(bad)}.", "The file is damaged; bring it again.")
    weights = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    model.load_state_dict(weights, strict=True, assign=True)
    if model.attn_mask is not None:
        n_tokens = model.context_length
        model.attn_mask = torch.full((n_tokens, n_tokens), float("-inf")).triu(1)  # a word sees only those before it


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_DIFFERENCES} more" if len(names) > _NAMED_DIFFERENCES else ""
    return ", ".join(names[:_NAMED_DIFFERENCES]) + more


def _describe(
    model: Any, config: Mapping[str, Any], architecture: str, file: _File, known_words: Optional[Tuple[str, ...]]
) -> LoadedClip:
    preprocessing = config.get("preprocess_cfg") or {}
    options = config["text_cfg"].get("tokenizer_kwargs") or {}
    return LoadedClip(
        model=model,
        tokenizer=SimpleTokenizer(
            context_length=model.context_length, **{key: options[key] for key in _TOKENIZER_OPTIONS if key in options}
        ),
        sha256=file.sha256,
        name=file.name,
        architecture=architecture,
        image_mean=_triple(preprocessing.get("mean") or OPENAI_MEAN),
        image_std=_triple(preprocessing.get("std") or OPENAI_STD),
        known_words=known_words,
    )


def _triple(values: Sequence[float]) -> Tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
