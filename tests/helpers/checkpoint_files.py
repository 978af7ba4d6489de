# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes files in the format of safetensors with nothing but NumPy: checkpoints for tests that need no PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

_TYPES = {"int8": "I8", "float16": "F16", "float32": "F32"}


def clip_shapes(
    width: int = 64, layers: int = 2, patch_px: int = 8, grid: int = 4, mlp_width: int = 256
) -> Dict[str, Tuple[int, ...]]:
    """Names and shapes of the weights of a CLIP that open_clip can build; a narrow MLP keeps its file small."""
    shapes: Dict[str, Tuple[int, ...]] = {
        "positional_embedding": (77, 64),
        "text_projection": (64, 32),
        "logit_scale": (),
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (grid * grid + 1, width),
        "visual.proj": (width, 32),
        "visual.conv1.weight": (width, 3, patch_px, patch_px),
        "token_embedding.weight": (49408, 64),
    }
    for norm, size in (("visual.ln_pre", width), ("visual.ln_post", width), ("ln_final", 64)):
        shapes.update({f"{norm}.weight": (size,), f"{norm}.bias": (size,)})
    for tower, size in (("visual.transformer", width), ("transformer", 64)):
        for layer in range(layers):
            block = f"{tower}.resblocks.{layer}"
            shapes.update(
                {
                    f"{block}.attn.in_proj_weight": (3 * size, size),
                    f"{block}.attn.in_proj_bias": (3 * size,),
                    f"{block}.attn.out_proj.weight": (size, size),
                    f"{block}.attn.out_proj.bias": (size,),
                    f"{block}.mlp.c_fc.weight": (mlp_width, size),
                    f"{block}.mlp.c_fc.bias": (mlp_width,),
                    f"{block}.mlp.c_proj.weight": (size, mlp_width),
                    f"{block}.mlp.c_proj.bias": (size,),
                }
            )
            for norm in ("ln_1", "ln_2"):
                shapes.update({f"{block}.{norm}.weight": (size,), f"{block}.{norm}.bias": (size,)})
    return shapes


def write_safetensors(
    path: Path,
    shapes: Mapping[str, Tuple[int, ...]],
    metadata: Optional[Mapping[str, str]] = None,
    fill: int = 0,
    dtype: str = "int8",
) -> Path:
    """Write tensors of one value.

    Args:
        path: File to write.
        shapes: By name.
        metadata: Of the file.
        fill: The value; another one gives a file with another hash.
        dtype: "int8", "float16" or "float32".

    Returns:
        The path.
    """
    header: Dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    data, offset = [], 0
    for name, shape in shapes.items():
        values = np.full(shape, fill, dtype=dtype).tobytes()
        header[name] = {"dtype": _TYPES[dtype], "shape": list(shape), "data_offsets": [offset, offset + len(values)]}
        offset += len(values)
        data.append(values)
    text = json.dumps(header).encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))
    return path
