# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the averaged weights of a training run as the plugin's compact checkpoint: one small safetensors file."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Dict, Mapping, Tuple

import torch
from safetensors.torch import save_file

from special_qgis.engine.clip.compact import METADATA_KEY, SCALE_SUFFIX, TOKEN_ROWS, TOKEN_TABLE, VERSION

from .network import VOCABULARY, model_config
from .tokens import Rows
from .words import all_words

SIZE_LIMIT_BYTES = 4_000_000
LEAST_BYTES_VALUES = 1000  # smaller tensors stay float16


def quantise(tensor: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Bytes and the scale of each row: (rows, …) int8, (rows,) float16.

    The scale is rounded first, so that bytes times scale is as near as the format allows.
    """
    flat = tensor.float().reshape(len(tensor), -1)
    scale = (flat.abs().amax(dim=1) / 127).clamp(min=1e-7).half()
    values = (flat / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    return values.reshape(tensor.shape), scale


def pack(state: Mapping[str, torch.Tensor], rows: Rows) -> Tuple[Dict[str, torch.Tensor], Dict[str, str]]:
    """Tensors and metadata of the file.

    Args:
        state: State dict of a model with the small token embedding.
        rows: Which tokens its rows belong to.

    The last block's second half is not part of the dense read-out and was never trained, so it is left out: zeros,
    which make the block its attention alone.
    """
    unused = tuple(name for name in state if _is_never_trained(name))
    tensors: Dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name in unused:
            continue
        stored_name = TOKEN_ROWS if name == TOKEN_TABLE else name
        if value.ndim >= 2 and value.numel() >= LEAST_BYTES_VALUES:
            tensors[stored_name], tensors[stored_name + SCALE_SUFFIX] = quantise(value)
        else:
            tensors[stored_name] = value.half()
    about = {
        "version": VERSION,
        "config": model_config(VOCABULARY),
        "quantisation": "int8 with one float16 scale a row for matrices, float16 for the rest",
        "token_ids": [int(token) for token in rows.token_ids],
        "words": list(all_words()),
        "zeros": {name: list(state[name].shape) for name in unused},
    }
    return {name: value.contiguous() for name, value in tensors.items()}, {METADATA_KEY: json.dumps(about)}


def _is_never_trained(name: str) -> bool:
    last = f"visual.transformer.resblocks.{model_config()['vision_cfg']['layers'] - 1}."
    return name.startswith((f"{last}mlp.", f"{last}ln_2."))


def export(checkpoint: Path, target: Path) -> str:
    """Write the file.

    Returns:
        Its SHA-256.

    Raises:
        SystemExit: The file would be too large.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["average"]
    tensors, metadata = pack(state, Rows.of_words())
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    save_file(tensors, partial, metadata)
    if partial.stat().st_size > SIZE_LIMIT_BYTES:
        partial.unlink()
        raise SystemExit(f"{target.name} would be larger than {SIZE_LIMIT_BYTES} bytes.")
    partial.chmod(0o644)
    partial.replace(target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    digest = export(options.checkpoint, options.target)
    print(f"{options.target}: {options.target.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
