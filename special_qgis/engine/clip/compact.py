# SPDX-License-Identifier: GPL-2.0-or-later
"""Compact checkpoints: weights as bytes with one scale a row, and only those token embeddings that training ever used.

Takes a safetensors file's tensors and metadata, gives the state dict that open_clip's ``CLIP`` loads strictly, that
model's configuration and the words it learnt. Every token without a row of its own gets the one row that stands for
unknown words.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

import torch

from ..errors import InputError
from ..models.inspection import COMPACT_KEY
from ..texts.plain_text import parse_json

__all__ = ["METADATA_KEY", "SCALE_SUFFIX", "TOKEN_ROWS", "TOKEN_TABLE", "VERSION", "expand", "is_compact"]

METADATA_KEY = COMPACT_KEY
VERSION = 1
SCALE_SUFFIX = ".row_scale"  # name of the scales that belong to a tensor of bytes
TOKEN_TABLE = "token_embedding.weight"  # nosec B105
# Row 0 of these stands for all tokens that are not named.
TOKEN_ROWS = "token_embedding.used_rows"  # nosec B105

State = Dict[str, torch.Tensor]


def is_compact(metadata: Optional[Mapping[str, str]]) -> bool:
    """Whether a safetensors file is compact by its metadata."""
    return bool(metadata) and METADATA_KEY in (metadata or {})


def expand(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> Tuple[State, Dict[str, Any], Tuple[str, ...]]:
    """Rebuild the full weights.

    Args:
        tensors: The file's tensors: int8 with (rows,) float16 scales beside them, or float16.
        metadata: The file's metadata.

    Returns:
        The state dict in float32, open_clip's configuration (keyword arguments of its ``CLIP``), the learnt words.

    Raises:
        InputError: The metadata or the tensors are damaged, or of a later version.
    """
    about = _read_about(metadata)
    state = {name: _restore(name, tensors) for name in tensors if not name.endswith(SCALE_SUFFIX)}
    if TOKEN_ROWS not in state:
        raise _damaged(f"it has no tensor {TOKEN_ROWS}")
    state[TOKEN_TABLE] = _spread_rows(state.pop(TOKEN_ROWS), about["token_ids"], _vocabulary(about["config"]))
    for name, shape in about["zeros"].items():
        state[name] = torch.zeros([int(n) for n in shape])
    return state, dict(about["config"]), tuple(str(word) for word in about["words"])


def _read_about(metadata: Mapping[str, str]) -> Dict[str, Any]:
    """The JSON of the metadata, with every entry of its kind."""
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise _damaged(f"its metadata have no entry {METADATA_KEY}")
    try:
        about = parse_json(text)
    except ValueError as error:
        raise _damaged(f"its description is not JSON ({error})") from error
    if not isinstance(about, dict):
        raise _damaged(f"its description is a {type(about).__name__} where an object belongs")
    if about.get("version") != VERSION:
        raise InputError(
            f"The compact checkpoint is of version {about.get('version')!r}; version {VERSION} is accepted.",
            "Update the plugin, or use a checkpoint made for this version.",
        )
    for key, kind in (("config", dict), ("token_ids", list), ("words", list), ("zeros", dict)):
        if not isinstance(about.get(key), kind):
            raise _damaged(f"entry {key!r} of its description is missing or no {kind.__name__}")
    return about


def _vocabulary(config: Mapping[str, Any]) -> int:
    text = config.get("text_cfg")
    size = text.get("vocab_size") if isinstance(text, dict) else None
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise _damaged(f"its configuration names a vocabulary of {size!r} tokens")
    return size


def _restore(name: str, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A tensor in float32; bytes are multiplied by their row's scale."""
    stored = tensors[name]
    if stored.dtype != torch.int8:
        return stored.float()
    scale = tensors.get(name + SCALE_SUFFIX)
    if scale is None or stored.ndim < 2 or tuple(scale.shape) != (stored.shape[0],):
        found = None if scale is None else tuple(scale.shape)
        raise _damaged(f"tensor {name} of shape {tuple(stored.shape)} has scales of shape {found}")
    return stored.float() * scale.float().reshape(-1, *([1] * (stored.ndim - 1)))


def _spread_rows(rows: torch.Tensor, token_ids: List[Any], vocabulary: int) -> torch.Tensor:
    """(vocabulary, width): the stored rows at their tokens, row 0 everywhere else."""
    if rows.ndim != 2 or len(rows) != len(token_ids) + 1:
        raise _damaged(f"it names {len(token_ids)} tokens and has rows of shape {tuple(rows.shape)}")
    if not all(isinstance(token, int) and 0 <= token < vocabulary for token in token_ids):
        raise _damaged(f"its tokens are not all between 0 and {vocabulary - 1}")
    table = rows[:1].repeat(vocabulary, 1)
    table[torch.tensor(token_ids, dtype=torch.long)] = rows[1:]
    return table


def _damaged(what: str) -> InputError:
    return InputError(f"The compact checkpoint is damaged: {what}.", "Install the checkpoint again.")
