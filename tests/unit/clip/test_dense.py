# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import copy
from typing import Any, Callable

import pytest

pytest.importorskip("open_clip", reason="the first stage needs the runtime with PyTorch and open_clip")

import open_clip
import torch
from open_clip.transformer import VisionTransformer
from torch.nn import functional

from special_qgis.engine.clip.dense import dense_features
from special_qgis.engine.clip.tower import image_side_px, patch_px
from special_qgis.engine.errors import Cancelled, ConfigError, InputError
from tests.helpers.clip_models import EMBED_DIM, tiny_clip
from tests.helpers.plain_dense import plain_dense_features

SIZES = [
    pytest.param((32, 32), id="as trained"),
    pytest.param((40, 24), id="not square"),
    pytest.param((64, 64), id="larger"),
]
TOWERS = [
    pytest.param({}, id="gelu"),
    pytest.param({"quick_gelu": True}, id="quick gelu"),
    pytest.param({"ls_init_value": 0.1}, id="layer scale"),
    pytest.param({"patch_dropout": 0.5}, id="patch dropout"),
    pytest.param({"no_ln_pre": True}, id="no first norm"),
    pytest.param({"block_type": "custom"}, id="open_clip's attention"),
    pytest.param({"block_type": "custom", "qk_norm": True, "scale_attn": True, "scale_attn_inner": True}, id="normed"),
    pytest.param({"block_type": "custom", "scale_heads": True}, id="scaled heads"),
]


def images(rows: int, cols: int, n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3, rows, cols, generator=torch.Generator().manual_seed(1))


def literal_features(visual: Any, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The formulae on PyTorch's attention, in double precision, with nothing of the engine."""
    tower = copy.deepcopy(visual).double()
    x = tower.conv1(batch.double())
    grid = tuple(x.shape[2:])
    x = x.flatten(2).transpose(1, 2)
    place = tower.positional_embedding
    if grid != tuple(tower.grid_size):
        old = place[1:].reshape(1, *tower.grid_size, -1).permute(0, 3, 1, 2)
        new = functional.interpolate(old, size=grid, mode="bicubic", align_corners=False)
        place = torch.cat([place[:1], new.permute(0, 2, 3, 1).reshape(-1, place.shape[1])])
    x = torch.cat([tower.class_embedding.expand(len(x), 1, -1), x], dim=1) + place
    x = tower.ln_pre(x)
    for block in tower.transformer.resblocks[:-1]:
        x = block(x)
    last = tower.transformer.resblocks[-1]
    attention = last.attn
    qkv = last.ln_1(x) @ attention.in_proj_weight.T + attention.in_proj_bias
    q, k, v = (part.unflatten(2, (attention.num_heads, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=2))
    root = q.shape[-1] ** 0.5
    weights = sum(torch.softmax(one @ one.transpose(2, 3) / root, dim=3) for one in (q, k, v))
    mixed = (weights @ v).transpose(1, 2).flatten(2)
    y = mixed @ attention.out_proj.weight.T + attention.out_proj.bias
    y = tower.ln_post(y) @ tower.proj
    return y[:, 1:].transpose(1, 2).unflatten(2, grid), y[:, 0]


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
def test_features_equal_the_formulae_written_out(size: tuple[int, int]) -> None:
    visual = tiny_clip(quick_gelu=True).visual
    batch = images(*size)
    features, first = dense_features(visual, batch)
    wanted, wanted_first = literal_features(visual, batch)
    assert features.shape == (2, EMBED_DIM, size[0] // 8, size[1] // 8)
    torch.testing.assert_close(features.double(), wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(first.double(), wanted_first, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tower", TOWERS)
def test_features_equal_the_plain_form(tower: dict[str, Any], size: tuple[int, int]) -> None:
    visual = tiny_clip(**tower).visual.double()
    batch = images(*size).double()
    for got, wanted in zip(dense_features(visual, batch), plain_dense_features(visual, batch)):
        torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("tower", TOWERS)
def test_features_without_the_modification_equal_open_clip(tower: dict[str, Any]) -> None:
    visual = tiny_clip(**tower).visual
    batch = images(32, 32)
    features, first = dense_features(visual, batch, modified=False)
    theirs = visual.forward_intermediates(batch, indices=1, normalize_intermediates=True)
    wanted = torch.einsum("bwij,wd->bdij", theirs["image_intermediates"][-1], visual.proj)
    torch.testing.assert_close(features, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first, theirs["image_features"], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_features_of_blocks_with_batch_second_are_the_same() -> None:
    """Older versions of open_clip put tokens first."""
    visual = tiny_clip().visual
    batch = images(40, 24)
    wanted, _ = dense_features(visual, batch)
    older = copy.deepcopy(visual)
    older.transformer.batch_first = False
    for block in older.transformer.resblocks:
        block.attn.batch_first = False
    features, _ = dense_features(older, batch)
    torch.testing.assert_close(features, wanted, rtol=1e-4, atol=1e-5)


class CountingBackend:
    """Runs what ``torch.compile`` has traced, and counts it."""

    def __init__(self) -> None:
        self.n_graphs, self.n_runs = 0, 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        self.n_graphs += 1

        def run(*tensors: torch.Tensor) -> Any:
            self.n_runs += 1
            return graph(*tensors)

        return run


@torch.no_grad()
@pytest.mark.parametrize("modified", [True, False], ids=["modified", "as trained"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["batch first", "tokens first"])
@pytest.mark.parametrize("tower", TOWERS)
def test_features_of_a_compiled_tower_run_compiled_and_are_the_same(
    tower: dict[str, Any], batch_first: bool, modified: bool
) -> None:
    torch._dynamo.reset()
    visual, backend = tiny_clip(**tower).visual, CountingBackend()
    if not batch_first:
        visual.transformer.batch_first = False
        for block in visual.transformer.resblocks:
            block.attn.batch_first = False
    compiled = torch.compile(visual, backend=backend, fullgraph=True)
    for n in (4, 2, 3):
        batch = images(40, 24, n)
        for got, wanted in zip(dense_features(compiled, batch, modified), dense_features(visual, batch, modified)):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
    assert backend.n_runs == 3 * 3  # three blocks, the last of them its attention where it is modified
    assert backend.n_graphs == (2 if modified else 1)  # whatever the size of the batch


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_features_in_half_precision_are_near(dtype: torch.dtype, tolerance: float) -> None:
    visual = tiny_clip().visual
    batch = images(40, 24)
    wanted, _ = dense_features(visual, batch)
    features, _ = dense_features(copy.deepcopy(visual).to(dtype), batch)
    assert features.dtype == dtype
    assert float((features.float() - wanted).norm() / wanted.norm()) < tolerance


@torch.no_grad()
def test_features_leave_the_model_as_it_was() -> None:
    model = tiny_clip()
    before = copy.deepcopy(model.state_dict())
    batch = images(32, 32)
    seen = model.encode_image(batch)
    dense_features(model.visual, images(40, 24))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(model.encode_image(batch), seen)


@torch.no_grad()
def test_features_of_one_image_do_not_depend_on_the_others() -> None:
    visual = tiny_clip().visual.double()
    batch = images(32, 32, n=5).double()
    together, _ = dense_features(visual, batch)
    alone, _ = dense_features(visual, batch[3:4])
    torch.testing.assert_close(together[3:4], alone, rtol=1e-10, atol=1e-10)


def test_sizes_of_a_tower_are_told() -> None:
    visual = tiny_clip(image_px=96).visual
    assert (image_side_px(visual), patch_px(visual)) == (96, (8, 8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"attentional_pool": True}, "pools its patches by attention", id="attention"),
        pytest.param({"pool_type": "avg"}, "pools its patches by 'avg'", id="mean"),
    ],
)
def test_tower_that_pools_otherwise_is_refused(change: dict[str, Any], message: str) -> None:
    visual = tiny_clip(**change).visual
    with pytest.raises(ConfigError, match=message):
        dense_features(visual, images(32, 32))


def test_tower_that_is_no_vit_is_refused() -> None:
    resnet = open_clip.modified_resnet.ModifiedResNet((1, 1, 1, 1), EMBED_DIM, 2, 32, 8)
    with pytest.raises(ConfigError, match="ModifiedResNet"):
        dense_features(resnet, images(32, 32))


def test_tower_without_class_token_is_refused() -> None:
    visual = VisionTransformer(32, 8, 48, 1, 3, 4.0)
    visual.positional_embedding = torch.nn.Parameter(torch.zeros(16, 48))
    with pytest.raises(ConfigError, match="no position for a class token"):
        dense_features(visual, images(32, 32))


def test_images_that_are_no_whole_patches_are_refused() -> None:
    with pytest.raises(InputError, match="multiple of 8"):
        dense_features(tiny_clip().visual, images(32, 30))


def test_what_is_called_between_blocks_may_end_the_computation() -> None:
    visual, calls = tiny_clip().visual, []

    def stop_at_the_last() -> None:
        calls.append(None)
        if len(calls) == len(visual.transformer.resblocks):
            raise Cancelled

    with pytest.raises(Cancelled):
        dense_features(visual, images(32, 32), between_blocks=stop_at_the_last)
