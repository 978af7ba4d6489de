# SPDX-License-Identifier: GPL-2.0-or-later
"""Compact checkpoints: what comes out is what was stored, open_clip takes it, and damage is refused by name."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict

import pytest

torch = pytest.importorskip("torch")

from special_qgis.engine.clip.compact import METADATA_KEY, SCALE_SUFFIX, TOKEN_ROWS, TOKEN_TABLE, expand, is_compact
from special_qgis.engine.errors import InputError

CONFIG = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 8, "head_width": 4, "patch_size": 8},
    "text_cfg": {"context_length": 6, "vocab_size": 12, "width": 8, "heads": 2, "layers": 1},
}
ABOUT: Dict[str, Any] = {
    "version": 1,
    "config": CONFIG,
    "token_ids": [2, 7],
    "words": ["water"],
    "zeros": {"visual.gone": [2, 3]},
}
TENSORS = {
    TOKEN_ROWS: torch.tensor([[1, -2], [3, 4], [127, -127]], dtype=torch.int8),
    TOKEN_ROWS + SCALE_SUFFIX: torch.tensor([0.5, 1.0, 2.0]).half(),
    "ln.weight": torch.tensor([0.25, 4.0]).half(),
}


def metadata(**changes: Any) -> Dict[str, str]:
    """Metadata of a small file with some entries changed; None takes an entry out."""
    about = {key: value for key, value in {**ABOUT, **changes}.items() if value is not None}
    return {METADATA_KEY: json.dumps(about)}


def test_is_compact_only_with_the_metadata_entry() -> None:
    assert is_compact(metadata())
    assert not is_compact({"format": "pt"})
    assert not is_compact(None)


def test_expand_small_file_gives_bytes_times_scales_and_one_row_for_all_other_tokens() -> None:
    state, config, words = expand(TENSORS, metadata())

    table = state[TOKEN_TABLE]
    assert table.shape == (12, 2)
    assert table[2].tolist() == [3.0, 4.0]
    assert table[7].tolist() == [254.0, -254.0]
    others = [token for token in range(12) if token not in (2, 7)]
    assert (table[others] == torch.tensor([0.5, -1.0])).all()
    assert state["ln.weight"].tolist() == [0.25, 4.0]
    assert state["visual.gone"].tolist() == [[0.0] * 3] * 2
    assert set(state) == {TOKEN_TABLE, "ln.weight", "visual.gone"}
    assert (config, words) == (CONFIG, ("water",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"config": None}, "'config'"),
        ({"config": {"text_cfg": {"vocab_size": "many"}}}, "vocabulary of 'many'"),
        ({"token_ids": "2 7"}, "'token_ids'"),
        ({"token_ids": [2]}, "names 1 tokens"),
        ({"token_ids": [2, 12]}, "between 0 and 11"),
        ({"words": None}, "'words'"),
        ({"zeros": []}, "'zeros'"),
    ],
    ids=["version", "no config", "vocabulary", "token list", "token number", "token range", "words", "zeros"],
)
def test_expand_damaged_description_is_refused(changes: Dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        expand(TENSORS, metadata(**changes))


@pytest.mark.parametrize(
    "text", ["", "{", '{"version": 1', "[]", "null"], ids=["empty", "brace", "cut", "list", "null"]
)
def test_expand_garbled_metadata_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="damaged"):
        expand(TENSORS, {METADATA_KEY: text})


def _without_scales(tensors: Dict[str, Any]) -> None:
    del tensors[TOKEN_ROWS + SCALE_SUFFIX]


def _with_short_scales(tensors: Dict[str, Any]) -> None:
    tensors[TOKEN_ROWS + SCALE_SUFFIX] = torch.ones(2).half()


def _without_rows(tensors: Dict[str, Any]) -> None:
    del tensors[TOKEN_ROWS], tensors[TOKEN_ROWS + SCALE_SUFFIX]


@pytest.mark.parametrize("damage", [_without_scales, _with_short_scales, _without_rows])
def test_expand_damaged_tensors_are_refused(damage: Callable[[Dict[str, Any]], None]) -> None:
    tensors = dict(TENSORS)
    damage(tensors)
    with pytest.raises(InputError, match=r"token_embedding\.used_rows"):
        expand(tensors, metadata())
