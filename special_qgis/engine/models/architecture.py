# SPDX-License-Identifier: GPL-2.0-or-later
"""The architecture of a CLIP checkpoint: read from a configuration, or inferred from the shapes of its weights.

A configuration is open_clip's ``model_cfg``: embedding width, ``vision_cfg``, ``text_cfg``. The dense read-out of the
first stage needs a vision transformer with a class token, and open_clip's own tokenizer; everything else is refused
here, with the reason.

Source of the inference: Radford et al., Learning Transferable Visual Models From Natural Language Supervision (2021),
and open_clip's conventions for names of weights.
"""

from __future__ import annotations

import math
import re
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

from ..errors import ModelError
from ..texts.plain_text import parse_json, shorten

Shapes = Mapping[str, Tuple[int, ...]]

VOCABULARY = 49408  # words of open_clip's tokenizer, whose list ships with it
QUICK_SUFFIX = "-quickgelu"  # of open_clip's names of architectures with that activation
CONFIG_KEY = "open_clip_config"  # in a safetensors file's metadata
DROPPED = re.compile(
    r"(^|\.)(attn_mask|input_resolution|context_length|vocab_size)$"
)  # no weights: archives carry them

_TEXT_KEYS = ("positional_embedding", "token_embedding.", "transformer.", "ln_final.", "text_projection")
# Widths whose heads are not 64 wide: ViT-H, g, bigG and e of open_clip.
_HEAD_WIDTHS = {1280: 80, 1408: 88, 1664: 104, 1792: 112}
_HEAD_WIDTH = 64
_SIZES = {
    (384, 12): "S",
    (768, 12): "B",
    (1024, 24): "L",
    (1280, 32): "H",
    (1408, 40): "g",
    (1664, 48): "bigG",
    (1792, 56): "e",
}
_SIZE_KEYS = ("image_size", "patch_size", "layers", "width", "context_length", "vocab_size", "heads", "head_width")
_LARGEST_SIZE = 1_000_000  # of anything in a configuration
_SUPPORTED = "Supported are CLIP models with a vision transformer (ViT) and open_clip's own tokenizer."


class ClipFacts(NamedTuple):
    """What follows from the shapes of a checkpoint's weights."""

    config: Mapping[str, Any]  # open_clip's model_cfg, without quick_gelu
    architecture: str  # open_clip's name where there is one
    not_told: str  # what the shapes do not say and a model needs; "" = nothing


def normal_names(names: Iterable[str]) -> Dict[str, str]:
    """Names of weights in a file -> those of open_clip's plain CLIP.

    Text towers of open_clip's ``CustomTextCLIP`` are the same below "text."; entries that are no weights are left out.
    """
    kept = [name for name in names if not DROPPED.search(name)]
    return {name: name[5:] if name.startswith("text." + _first_text_key(name)) else name for name in kept}


def _first_text_key(name: str) -> str:
    return next((key for key in _TEXT_KEYS if name.startswith("text." + key)), "\0")


def infer(shapes: Shapes) -> ClipFacts:
    """Architecture of a checkpoint from the shapes of its weights.

    Args:
        shapes: Shapes of tensors by the names of open_clip's plain CLIP, as ``normal_names`` gives them.

    Raises:
        ModelError: A tower is missing, or is none that the first stage can use.
    """
    _require_towers(shapes)
    config = {
        "embed_dim": _dimension(shapes, "visual.proj", 1),
        "vision_cfg": _vision(shapes),
        "text_cfg": _text(shapes),
    }
    return ClipFacts(config, name_of(config), _not_told(config))


def is_upsampler(shapes: Shapes) -> bool:
    """Whether a checkpoint holds a joint bilateral upsampler (FeatUp, SimFeatUp)."""
    return any(re.search(r"(^|\.)range_proj\.\d+\.weight$", name) for name in shapes)


def upsampler_architecture(shapes: Shapes) -> str:
    """ "jbu-stack" where there are several steps with weights of their own, else "jbu-one"."""
    steps = {match.group(1) for match in (re.search(r"(^|\.|up\d+\.)range_proj", name) for name in shapes) if match}
    return "jbu-stack" if any(step.startswith("up") for step in steps) and len(steps) > 1 else "jbu-one"


def name_of(config: Mapping[str, Any]) -> str:
    """Name of an architecture: open_clip's where the sizes are usual ones, else a description."""
    vision = config["vision_cfg"]
    size = _SIZES.get((vision["width"], vision["layers"]))
    quick = QUICK_SUFFIX if config.get("quick_gelu") else ""
    side = vision["image_size"] if isinstance(vision["image_size"], int) else max(vision["image_size"])
    if size is None:
        return f"ViT of width {vision['width']}, {vision['layers']} layers, patches of {vision['patch_size']} px"
    return f"ViT-{size}-{vision['patch_size']}{'' if side == 224 else f'-{side}'}{quick}"


def parse_config(text: str, origin: str) -> Dict[str, Any]:
    """Read a configuration as open_clip writes it, alone or under "model_cfg".

    Args:
        text: The configuration in JSON.
        origin: Where the configuration comes from, for messages.

    Returns:
        The ``model_cfg``, with the ``preprocess_cfg`` beside it under that key where there is one.

    Raises:
        ModelError: It is none, or of an architecture that is not supported.
    """
    try:
        content = parse_json(text)
        config = dict(content.get("model_cfg", content))
        _require_sizes(config)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{origin} is no configuration of open_clip ({type(error).__name__}: {shorten(error, 200)}).",
            "Correct or remove it; the architecture is then inferred from the weights.",
        ) from error
    check_config(config, origin)
    if "preprocess_cfg" in content:
        config["preprocess_cfg"] = content["preprocess_cfg"]
    return config


def _require_sizes(config: Mapping[str, Any]) -> None:
    """Refuse a configuration whose sizes are none; other entries are left alone.

    Raises:
        ValueError: One of them is no number, or no mapping.
        KeyError: A mapping is missing.
    """
    towers = (config["vision_cfg"], config["text_cfg"])
    if not all(isinstance(tower, dict) for tower in towers):
        raise ValueError("a tower is described by something else than a mapping")
    sizes = {"embed_dim": config["embed_dim"]}
    for tower in towers:
        sizes.update({key: tower[key] for key in _SIZE_KEYS if key in tower})
    for key, value in sizes.items():
        may_be_several = key in ("image_size", "patch_size", "layers") and isinstance(value, list)
        values = value if may_be_several and 1 < len(value) < 9 else [value]
        if not all(type(size) is int and 0 < size <= _LARGEST_SIZE for size in values):
            raise ValueError(f"{key} is {shorten(value)}")


def check_config(config: Mapping[str, Any], origin: str) -> None:
    """Refuse architectures that the first stage cannot use.

    Args:
        config: open_clip's ``model_cfg``.
        origin: Where the configuration comes from, for messages.

    Raises:
        ModelError: The image tower is no plain ViT, or the text tower needs another tokenizer.
    """
    vision, text = config["vision_cfg"], config["text_cfg"]
    reasons = (
        (vision.get("timm_model_name"), f"its image tower is timm's {str(vision.get('timm_model_name'))[:80]}"),
        (isinstance(vision.get("layers", 12), (list, tuple)), "its image tower is a ResNet"),
        (vision.get("attentional_pool"), "its image tower pools by attention"),
        (text.get("hf_model_name"), f"its text tower is Hugging Face's {str(text.get('hf_model_name'))[:80]}"),
        (
            text.get("hf_tokenizer_name"),
            f"it needs the tokenizer {str(text.get('hf_tokenizer_name'))[:80]} of Hugging Face",
        ),
        (text.get("vocab_size", VOCABULARY) != VOCABULARY, f"its vocabulary has {text.get('vocab_size')} words"),
        ("multimodal_cfg" in config, "it is a captioning model (CoCa)"),
    )
    found = next((reason for applies, reason in reasons if applies), None)
    if found:
        raise ModelError(f"{origin} names a model that cannot be used: {found}. {_SUPPORTED}")


def difference(config: Mapping[str, Any], inferred: Mapping[str, Any]) -> Optional[str]:
    """The first thing in which a configuration contradicts the weights, in words; None where it fits them."""
    for part, keys in (
        ("vision_cfg", ("width", "layers", "patch_size", "image_size")),
        ("text_cfg", ("width", "layers", "context_length")),
    ):
        defaults = {"context_length": 77, "image_size": 224, "layers": 12, "patch_size": 16, "width": 768}
        for key in keys:
            named = config[part].get(key, 512 if (part, key) == ("text_cfg", "width") else defaults[key])
            found = inferred[part][key]
            if tuple(_pair(named)) != tuple(_pair(found)):
                tower = "image" if part == "vision_cfg" else "text"
                return f"{key.replace('_', ' ')} of the {tower} tower is {named} in the one and {found} in the other"
    if config["embed_dim"] != inferred["embed_dim"]:
        return f"embeddings are {config['embed_dim']} long in the one and {inferred['embed_dim']} in the other"
    return None


def _pair(value: Any) -> Tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _require_towers(shapes: Shapes) -> None:
    image = any(name.startswith("visual.") for name in shapes)
    text = "token_embedding.weight" in shapes or any(name.startswith("text.") for name in shapes)
    if any(name.startswith("vision_model.") for name in shapes):
        raise ModelError(
            "The file is a CLIP in the form of Hugging Face's transformers, whose weights have other names.",
            "Bring open_clip's file from the same page: open_clip_model.safetensors or open_clip_pytorch_model.bin.",
        )
    if not image and not text:
        raise ModelError("The file holds no CLIP model: it has neither an image nor a text tower.", _SUPPORTED)
    if not image:
        raise ModelError("The image tower is missing in the file: no weights begin with “visual.”.", _SUPPORTED)
    if not text:
        raise ModelError("The text tower is missing in the file: there is no token_embedding.weight.", _SUPPORTED)
    if "visual.conv1.weight" not in shapes or "visual.class_embedding" not in shapes:
        kind = "a ResNet" if any(name.startswith("visual.layer1.") for name in shapes) else "no plain ViT"
        kind = "one of timm's" if any(name.startswith("visual.trunk.") for name in shapes) else kind
        raise ModelError(f"The image tower of the file cannot be used: it is {kind}. {_SUPPORTED}")
    if "token_embedding.weight" not in shapes:
        raise ModelError(f"The text tower of the file cannot be used: it is one of Hugging Face's. {_SUPPORTED}")


def _vision(shapes: Shapes) -> Dict[str, Any]:
    width, _channels, patch, _cols = _shape(shapes, "visual.conv1.weight", 4)
    tokens = _dimension(shapes, "visual.positional_embedding", 0)
    side = math.isqrt(max(tokens - 1, 0))
    if side * side != tokens - 1 or side == 0:
        raise ModelError(f"The image tower has {tokens} positions, which is no square of patches and a class token.")
    found: Dict[str, Any] = {
        "image_size": side * patch,
        "patch_size": patch,
        "width": width,
        "layers": _n_layers(shapes, "visual."),
        "head_width": _HEAD_WIDTHS.get(width, _HEAD_WIDTH),
        "mlp_ratio": _dimension(shapes, "visual.transformer.resblocks.0.mlp.c_fc.weight", 0) / width,
    }
    if "visual.transformer.resblocks.0.ls_1.gamma" in shapes:
        found["ls_init_value"] = 1.0  # overwritten by the weights; says only that there is such a scale
    if "visual.ln_pre.weight" not in shapes:
        found["no_ln_pre"] = True
    return found


def _text(shapes: Shapes) -> Dict[str, Any]:
    words, width = _shape(shapes, "token_embedding.weight", 2)
    if words != VOCABULARY:
        raise ModelError(f"The text tower knows {words} words, open_clip's tokenizer {VOCABULARY}. {_SUPPORTED}")
    found: Dict[str, Any] = {
        "context_length": _dimension(shapes, "positional_embedding", 0),
        "vocab_size": words,
        "width": width,
        "heads": max(1, width // _HEAD_WIDTH),
        "layers": _n_layers(shapes, ""),
    }
    ratio = _dimension(shapes, "transformer.resblocks.0.mlp.c_fc.weight", 0) / width
    if ratio != 4.0:
        found["mlp_ratio"] = ratio
    if "text_projection.bias" in shapes:
        found["proj_bias"] = True
    return found


def _not_told(config: Mapping[str, Any]) -> str:
    """Which number of heads the custom of open_clip does not give, in words; "" where it gives both."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    for tower, width, head_width in (
        ("image", vision["width"], vision["head_width"]),
        ("text", text["width"], _HEAD_WIDTH),
    ):
        if width % head_width:
            return f"The {tower} tower is {width} wide, from which the number of attention heads cannot be told."
    return ""


def _n_layers(shapes: Shapes, tower: str) -> int:
    pattern = re.compile(rf"{re.escape(tower)}transformer\.resblocks\.(\d{{1,4}})\.attn\.in_proj_weight")
    numbers = {int(match.group(1)) for match in map(pattern.fullmatch, shapes) if match}
    if not numbers or numbers != set(range(len(numbers))):
        which = "image" if tower else "text"
        raise ModelError(f"The {which} tower of the file has no whole sequence of attention layers. {_SUPPORTED}")
    return len(numbers)


def _dimension(shapes: Shapes, name: str, axis: int) -> int:
    found = shapes.get(name, ())
    if len(found) <= axis or 0 in found:
        raise ModelError(f"The weight {name} is missing or empty in the file. {_SUPPORTED}")
    return found[axis]


def _shape(shapes: Shapes, name: str, n_axes: int) -> Tuple[int, ...]:
    if len(shapes.get(name, ())) != n_axes or 0 in shapes[name]:
        raise ModelError(f"The weight {name} is missing or empty in the file. {_SUPPORTED}")
    return tuple(shapes[name])
