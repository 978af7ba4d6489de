# SPDX-License-Identifier: GPL-2.0-or-later
"""From training weights to the compact file and back: open_clip loads the result strictly and reads out the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Tuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from demo_clip import export
from demo_clip.evaluate import load_model
from demo_clip.network import build_model, dense_tokens
from demo_clip.tokens import UNKNOWN_ROW, Rows, hide_words, tokenize

from special_qgis.engine.clip.compact import SCALE_SUFFIX, TOKEN_TABLE


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows.of_words()


@pytest.fixture(scope="module")
def trained(rows: Rows) -> Any:
    return build_model(len(rows.token_ids) + 1, seed=1).eval()


@pytest.fixture(scope="module")
def exported(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, str]:
    folder = tmp_path_factory.mktemp("export")
    torch.save({"average": trained.state_dict()}, folder / "training.pt")
    digest = export.export(folder / "training.pt", folder / "demo.safetensors")
    return folder / "demo.safetensors", digest


def test_quantise_rows_of_very_different_size_keep_half_a_step(trained: Any) -> None:
    weights = torch.randn(5, 40) * torch.tensor([1e-4, 1e-2, 1.0, 10.0, 0.0])[:, None]
    values, scale = export.quantise(weights)
    error = (values.float() * scale.float()[:, None] - weights).abs()
    assert (error <= 0.51 * scale.float()[:, None] + 0.001 * weights.abs()).all()


def test_export_file_is_small_and_open_clip_loads_it_strictly(
    exported: Tuple[Path, str], trained: Any, rows: Rows
) -> None:
    path, digest = exported
    assert path.stat().st_size <= export.SIZE_LIMIT_BYTES
    assert len(digest) == 64
    state = load_model(path).state_dict()
    tensors, _ = export.pack(trained.state_dict(), rows)
    for name, stored in tensors.items():
        if name in state and stored.dtype == torch.int8:
            scale = tensors[name + SCALE_SUFFIX].float().reshape(-1, *([1] * (stored.ndim - 1)))
            assert torch.equal(state[name], stored.float() * scale), name
    assert state[TOKEN_TABLE].shape == (49_408, 192)


def test_exported_model_reads_out_what_the_trained_one_does(
    exported: Tuple[Path, str], trained: Any, rows: Rows
) -> None:
    model = load_model(exported[0])
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    tokens = tokenize(["a photo of a river.", "bare soil", "an orthophoto of parked cars."])
    with torch.inference_mode():
        dense = torch.cosine_similarity(
            dense_tokens(model.visual, images), dense_tokens(trained.visual, images), dim=-1
        )
        text = torch.cosine_similarity(
            model.encode_text(torch.from_numpy(tokens)), trained.encode_text(torch.from_numpy(rows.row_of[tokens]))
        )
    assert dense.min() > 0.995
    assert text.min() > 0.995


def test_dense_tokens_equal_plain_attention_written_out(trained: Any) -> None:
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    visual = trained.visual
    with torch.inference_mode():
        found = dense_tokens(visual, images)
        x = visual._embeds(images)
        for block in visual.transformer.resblocks[:-1]:
            x = block(x)
        block = visual.transformer.resblocks[-1]
        parts = block.ln_1(x)[0] @ block.attn.in_proj_weight.T + block.attn.in_proj_bias
        heads = []
        for head in range(3):
            q, k, v = (parts[:, start + 64 * head : start + 64 * head + 64] for start in (0, 192, 384))
            heads.append(sum(torch.softmax(a @ a.T / 8, dim=-1) for a in (q, k, v)) @ v)
        expected = visual.ln_post(block.attn.out_proj(torch.cat(heads, dim=1))) @ visual.proj
    assert torch.allclose(found[0], expected, atol=1e-4)


def test_rows_end_token_is_the_highest_and_unknown_words_share_one_row(rows: Rows) -> None:
    ids = tokenize(["water", "xylophone"])
    assert rows.row_of[ids].argmax(axis=1).tolist() == ids.argmax(axis=1).tolist()
    assert UNKNOWN_ROW in rows.row_of[ids[1]]
    assert UNKNOWN_ROW not in rows.row_of[ids[0]]


def test_hide_words_leaves_start_end_and_padding(rows: Rows) -> None:
    found = rows.row_of[tokenize(["red roof tiles", "water"])]
    hidden = hide_words(np.random.default_rng(0), found, 1.0)
    end = found.argmax(axis=1)
    assert (hidden[0, 1 : end[0]] == UNKNOWN_ROW).all()
    assert hidden[0, 0] == found[0, 0]
    assert (hidden[0, end[0] :] == found[0, end[0] :]).all()
    assert np.array_equal(hidden[1], found[1])  # the only word of a name stays
