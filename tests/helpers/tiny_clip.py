# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes tiny CLIP checkpoints with random weights, in the files that real ones come in.

The models are open_clip's own, built from a configuration, so whatever loads a real checkpoint must load these. Import
this module after ``pytest.importorskip("open_clip")``.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, Dict, Optional

import open_clip
import torch
from safetensors.torch import save_file

VOCABULARY = 49408  # words of open_clip's own tokenizer


def tiny_config(
    width: int = 64,
    layers: int = 3,
    patch_px: int = 8,
    image_px: int = 32,
    embed_dim: int = 48,
    quick_gelu: bool = False,
) -> Dict[str, Any]:
    """Configuration of a tiny ViT CLIP, as open_clip writes it under ``model_cfg``."""
    return {
        "embed_dim": embed_dim,
        "quick_gelu": quick_gelu,
        "vision_cfg": {"image_size": image_px, "layers": layers, "width": width, "patch_size": patch_px},
        "text_cfg": {"context_length": 77, "vocab_size": VOCABULARY, "width": 64, "heads": 1, "layers": 2},
    }


def tiny_model(config: Optional[Dict[str, Any]] = None, seed: int = 0) -> torch.nn.Module:
    """An open_clip model with random weights; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.CLIP(**(config or tiny_config())).eval()


def make_tiny_clip(
    path: Path,
    seed: int = 0,
    config: Optional[Dict[str, Any]] = None,
    dtype: torch.dtype = torch.float32,
    with_config: bool = True,
) -> Path:
    """Write a tiny checkpoint as safetensors.

    Args:
        path: File to write, ``*.safetensors``.
        seed: Of the weights.
        config: From ``tiny_config``; None = its defaults: width 64 (one head), 3 layers, 8 px patches, 32 px images.
        dtype: Of the weights in the file.
        with_config: Whether the file's metadata hold the configuration under ``open_clip_config``.

    Returns:
        The path.
    """
    config = config or tiny_config()
    state = {name: value.to(dtype).contiguous() for name, value in tiny_model(config, seed).state_dict().items()}
    metadata = {"format": "pt"}
    if with_config:
        metadata["open_clip_config"] = json.dumps({"model_cfg": config})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, metadata)
    return path


def make_openai_archive(path: Path, config: Dict[str, Any], seed: int = 0, half: bool = False) -> Path:
    """Write a tiny checkpoint as OpenAI's files are: a traced archive with a few entries that are no weights.

    Args:
        path: File to write, ``*.pt``.
        config: From ``tiny_config``, with ``quick_gelu``, which OpenAI's models have.
        seed: Of the weights.
        half: Whether all weights but those of norms are float16, as in OpenAI's files.

    Returns:
        The path.
    """
    model = tiny_model(config, seed)
    side = config["vision_cfg"]["image_size"]
    for name, value in (("input_resolution", side), ("context_length", 77), ("vocab_size", VOCABULARY)):
        if hasattr(model, name):
            delattr(model, name)
        model.register_buffer(name, torch.tensor(value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, but OpenAI's files are what they are
        traced = torch.jit.trace_module(
            model,
            {
                "encode_image": (torch.zeros(1, 3, side, side),),
                "encode_text": (torch.zeros(1, 77, dtype=torch.long),),
            },
            check_trace=False,
        )
        if half:
            for name, parameter in traced.named_parameters():
                if ".ln_" not in name and not name.startswith("ln_"):
                    parameter.data = parameter.data.half()
        torch.jit.save(traced, str(path))
    return path
