# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the first stage needs the runtime with PyTorch")
pytest.importorskip("open_clip", reason="the first stage needs the runtime with PyTorch and open_clip")

from torch.nn import functional

from special_qgis.engine.clip.upsampling import (
    Bilateral,
    Bilinear,
    KernelPool,
    Learned,
    compress,
    cosines,
    read_weights,
)
from special_qgis.engine.clip.upsampling.compiled import can_compile
from special_qgis.engine.clip.upsampling.steps import BILATERAL_RADIUS as RADIUS
from special_qgis.engine.clip.upsampling.steps import BILATERAL_SIGMA_GUIDE, BILATERAL_SIGMA_PX
from special_qgis.engine.errors import ConfigError, InputError
from tests.helpers.clip_models import EMBED_DIM, jbu_state
from tests.helpers.whole_upsampler import upsample

KINDS = ("jbu_one", "jbu_stack")
KIND_IDS = pytest.mark.parametrize("kind", KINDS)


def draw(*shape: int, seed: int = 5) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def literal_step(state: dict[str, Any], name: str, source: Any, guide: Any) -> Any:
    """One step as published, with an unfold buffer, a softmax, a spatial kernel and two normalisations."""
    part = {key.split(f"{name}.", 1)[1]: value for key, value in state.items() if f".{name}." in key}
    taps = part["fixup_proj.3.bias"].numel()
    side = round(taps**0.5)
    radius = side // 2
    batch, _, rows, cols = guide.shape
    phi = functional.conv2d(guide, part["range_proj.0.weight"], part["range_proj.0.bias"])
    phi = functional.conv2d(functional.gelu(phi), part["range_proj.3.weight"], part["range_proj.3.bias"])
    around = functional.unfold(functional.pad(phi, [radius] * 4, mode="reflect"), side)
    around = around.reshape(batch, -1, taps, rows, cols)
    ranged = torch.softmax(part["range_temp"].exp() * (around * phi[:, :, None]).sum(1), dim=1)
    grid = torch.linspace(-1, 1, side, dtype=torch.float64)
    spatial = torch.exp(-(grid[:, None] ** 2 + grid[None] ** 2) / (2 * part["sigma_spatial"] ** 2)).reshape(
        1, taps, 1, 1
    )
    kernel = ranged * spatial
    kernel = kernel / kernel.sum(1, keepdim=True)
    hidden = functional.conv2d(torch.cat([kernel, guide], 1), part["fixup_proj.0.weight"], part["fixup_proj.0.bias"])
    hidden = functional.gelu(hidden)
    kernel = kernel + 0.1 * functional.conv2d(hidden, part["fixup_proj.3.weight"], part["fixup_proj.3.bias"])
    large = functional.interpolate(source, size=(rows, cols), mode="bicubic", align_corners=False)
    buffer = functional.unfold(functional.pad(large, [radius] * 4, mode="reflect"), side)
    return (buffer.reshape(batch, -1, taps, rows, cols) * kernel[:, None]).sum(2)


def literal_upsample(kind: str, state: dict[str, Any], features: Any, guide: Any, n_steps: int) -> Any:
    x = features
    for number in range(n_steps):
        small = functional.adaptive_avg_pool2d(guide, (2 * x.shape[2], 2 * x.shape[3]))
        x = literal_step(state, "up" if kind == "jbu_one" else f"up{number + 1}", x, small)
    fix = functional.conv2d(x, state["upsampler.fixup_proj.1.weight"], state["upsampler.fixup_proj.1.bias"])
    return x + 0.1 * fix


def literal_cosines(features: Any, queries: Any) -> Any:
    return torch.einsum("bdij,qd->bqij", functional.normalize(features, dim=1), queries)


@KIND_IDS
@pytest.mark.parametrize("grid", [pytest.param((3, 3), id="square"), pytest.param((4, 3), id="not square")])
def test_upsampling_equals_the_formulae_written_out(kind: str, grid: tuple[int, int]) -> None:
    state, features = jbu_state(kind), draw(2, EMBED_DIM, *grid)
    guide = draw(2, 3, 16 * grid[0], 16 * grid[1], seed=6)
    wanted = literal_upsample(kind, state, features, guide, 4)
    torch.testing.assert_close(upsample(state, features, guide), wanted, rtol=1e-9, atol=1e-9)
    single = upsample(state, features.float(), guide.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), wanted, rtol=1e-5, atol=1e-5)


@KIND_IDS
def test_upsampling_with_fewer_steps_stops_earlier(kind: str) -> None:
    state, features, guide = jbu_state(kind), draw(1, EMBED_DIM, 3, 4), draw(1, 3, 24, 32)
    wanted = literal_upsample(kind, state, features, guide, 3)
    torch.testing.assert_close(upsample(state, features, guide, n_steps=3), wanted, rtol=1e-9, atol=1e-9)


def renamed(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + key.split(".", 1)[1]: value for key, value in state.items()}


@KIND_IDS
@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda s: renamed(s, ""), id="no prefix"),
        pytest.param(lambda s: {"state_dict": renamed(s, "model.upsampler."), "epoch": 3}, id="training checkpoint"),
        pytest.param(lambda s: {**s, "model.0.weight": torch.ones(3), "scale_net.0.bias": torch.ones(1)}, id="more"),
        pytest.param(lambda s: {k: v.float() for k, v in s.items()}, id="single precision"),
    ],
)
def test_weights_are_read_whatever_stands_around_them(kind: str, wrap: Any) -> None:
    features, guide = draw(1, EMBED_DIM, 3, 3).float(), draw(1, 3, 48, 48).float()
    weights = read_weights(wrap(jbu_state(kind)))
    assert (weights.kind, weights.dimensions) == (kind, EMBED_DIM)
    torch.testing.assert_close(upsample(weights, features, guide), upsample(jbu_state(kind), features, guide))


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ConfigError, match="no step of joint bilateral upsampling"):
        read_weights({"visual.conv1.weight": torch.ones(3)})


def test_weights_with_a_missing_key_are_refused_by_its_name() -> None:
    state = jbu_state()
    del state["upsampler.up.fixup_proj.0.bias"]
    with pytest.raises(ConfigError, match=r"no 'upsampler\.up\.fixup_proj\.0\.bias'"):
        read_weights(state)


def test_weights_with_a_wrong_shape_are_refused_by_its_name() -> None:
    state = {**jbu_state(), "upsampler.up.fixup_proj.0.weight": torch.ones(121, 100, 1, 1)}
    with pytest.raises(ConfigError, match=r"fixup_proj\.0\.weight.*\(121, 100\)"):
        read_weights(state)


def test_upsampling_of_too_few_patches_is_refused() -> None:
    with pytest.raises(InputError, match="radius 5"):
        upsample(jbu_state(), draw(1, EMBED_DIM, 2, 2), draw(1, 3, 32, 32))


def test_upsampling_by_more_steps_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="4 steps"):
        upsample(jbu_state("jbu_stack"), draw(1, EMBED_DIM, 3, 3), draw(1, 3, 96, 96), n_steps=5)


@KIND_IDS
@pytest.mark.parametrize("grid", [pytest.param((3, 4), id="fewer patches"), pytest.param((5, 5), id="more patches")])
def test_compression_at_full_rank_gives_the_cosines_of_the_whole_features(kind: str, grid: tuple[int, int]) -> None:
    state, features = jbu_state(kind), draw(1, EMBED_DIM, *grid)
    guide = draw(1, 3, 16 * grid[0], 16 * grid[1], seed=6)
    queries = functional.normalize(draw(7, EMBED_DIM, seed=7), dim=1)
    wanted = literal_cosines(literal_upsample(kind, state, features, guide, 4), queries)
    weights = read_weights(state)
    for dtype in (torch.float64, torch.float32):
        spread = Learned(weights.to("cpu", dtype), 4).plan(guide.to(dtype), grid)
        found = cosines(compress(features.to(dtype), queries, weights), spread).double()
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
        best = wanted.topk(2, dim=1).values
        clear = best[:, 0] - best[:, 1] > (0.0 if dtype == torch.float64 else 2e-6)  # no tie within the type's rounding
        assert torch.equal(found.argmax(1)[clear], wanted.argmax(1)[clear])
        assert float(clear.double().mean()) > 0.999


def falling_features(grid: tuple[int, int]) -> Any:
    """Features most of whose energy lies in a few directions, as those of images do."""
    scale = torch.logspace(0, -3, EMBED_DIM, dtype=torch.float64)
    return draw(2, EMBED_DIM, *grid) * scale[None, :, None, None]


@pytest.mark.parametrize("tolerance", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("grid", [pytest.param((4, 4), id="fewer patches"), pytest.param((6, 6), id="more patches")])
def test_compression_with_loss_keeps_lengths_within_the_tolerance(grid: tuple[int, int], tolerance: float) -> None:
    features = falling_features(grid)
    queries = functional.normalize(draw(5, EMBED_DIM, seed=7), dim=1)
    small, exact = (compress(features, queries, None, t) for t in (tolerance, 0.0))
    assert small.rank < exact.rank
    kept, whole = (one.maps[:, 6:].square().sum(1).sqrt() for one in (small, exact))
    assert float((1.0 - kept / whole).max()) <= tolerance
    assert torch.equal(small.maps[:, :6], exact.maps[:, :6])


def test_compression_with_loss_is_the_same_whatever_is_beside_it() -> None:
    features = torch.cat([falling_features((4, 4)), draw(1, EMBED_DIM, 4, 4)])
    queries = functional.normalize(draw(5, EMBED_DIM, seed=7), dim=1)
    together, alone = (compress(part, queries, None, 0.05) for part in (features, features[:1]))
    assert together.rank > alone.rank
    spread = Bilinear().plan(draw(1, 3, 32, 32), (4, 4))
    torch.testing.assert_close(cosines(together, spread)[:1], cosines(alone, spread), rtol=1e-12, atol=1e-12)


def test_compression_of_equal_patches_is_exact_too() -> None:
    features = draw(1, EMBED_DIM, 1, 1).expand(2, -1, 3, 3).float()
    queries = functional.normalize(draw(5, EMBED_DIM, seed=7), dim=1).float()
    found = cosines(compress(features, queries), Bilinear().plan(draw(2, 3, 24, 24), (3, 3)))
    wanted = literal_cosines(features[:, :, :1, :1].expand(-1, -1, 24, 24), queries)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_cosine_of_a_vanishing_feature_is_zero() -> None:
    queries = functional.normalize(draw(5, EMBED_DIM, seed=7), dim=1)
    found = cosines(
        compress(torch.zeros(1, EMBED_DIM, 3, 3), queries), Bilinear().plan(torch.zeros(1, 3, 6, 6), (3, 3))
    )
    assert torch.equal(found, torch.zeros(1, 5, 6, 6))


def test_bilinear_cosines_are_those_of_interpolated_features() -> None:
    features, queries = draw(2, EMBED_DIM, 3, 4), functional.normalize(draw(5, EMBED_DIM, seed=7), dim=1)
    large = functional.interpolate(features, size=(42, 56), mode="bilinear", align_corners=False)
    found = cosines(compress(features, queries), Bilinear().plan(torch.zeros(2, 3, 42, 56), (3, 4)))
    torch.testing.assert_close(found, literal_cosines(large, queries), rtol=0, atol=1e-9)


def literal_bilateral_step(source: Any, guide: Any) -> Any:
    """Kopf's sum, pixel by pixel."""
    batch, _, rows, cols = guide.shape
    large = functional.interpolate(source, size=(rows, cols), mode="bicubic", align_corners=False)
    mirror_rows = functional.pad(torch.arange(rows).double()[None, None], [RADIUS] * 2, mode="reflect")[0, 0].long()
    mirror_cols = functional.pad(torch.arange(cols).double()[None, None], [RADIUS] * 2, mode="reflect")[0, 0].long()
    out = torch.zeros(batch, source.shape[1], rows, cols, dtype=torch.float64)
    for y in range(rows):
        for x in range(cols):
            total, sums = torch.zeros(batch, 1, dtype=torch.float64), 0.0
            for dy in range(-RADIUS, RADIUS + 1):
                for dx in range(-RADIUS, RADIUS + 1):
                    j, i = int(mirror_rows[y + dy + RADIUS]), int(mirror_cols[x + dx + RADIUS])
                    unlike = (guide[:, :, j, i] - guide[:, :, y, x]).square().sum(1, keepdim=True)
                    far = (dx * dx + dy * dy) / (2 * BILATERAL_SIGMA_PX**2)
                    weight = torch.exp(-unlike / (2 * BILATERAL_SIGMA_GUIDE**2) - far)
                    total, sums = total + weight, sums + weight * large[:, :, j, i]
            out[:, :, y, x] = sums / total
    return out


def test_bilateral_upsampling_equals_the_formula_written_out() -> None:
    features, guide = draw(2, 4, 2, 3), draw(2, 3, 8, 12, seed=6)
    wanted = literal_bilateral_step(features, functional.adaptive_avg_pool2d(guide, (4, 6)))
    wanted = literal_bilateral_step(wanted, guide)
    torch.testing.assert_close(Bilateral(2).plan(guide, (2, 3))(features), wanted, rtol=1e-9, atol=1e-9)


def test_bilateral_upsampling_follows_an_edge_of_the_guide() -> None:
    guide = torch.zeros(1, 1, 64, 64)
    guide[..., 28:] = 4.0  # an edge inside a patch
    features = torch.zeros(1, 1, 4, 4)
    features[..., 2:] = 1.0  # patches change at 32
    edge_aware, smooth = (kind.plan(guide, (4, 4))(features)[0, 0, 32] for kind in (Bilateral(4), Bilinear()))
    assert float(edge_aware[28] - edge_aware[27]) > 5 * float(smooth[28] - smooth[27])


@KIND_IDS
@pytest.mark.parametrize("grid", [pytest.param((3, 4), id="small"), pytest.param((5, 13), id="wide")])
@pytest.mark.parametrize("n_queries", [1, 7, 130])
def test_compiled_cosines_equal_the_plain_ones(kind: str, grid: tuple[int, int], n_queries: int) -> None:
    pytest.importorskip("numba", reason="compiled code needs Numba")
    features = draw(2, EMBED_DIM, *grid).float()
    guide = draw(2, 3, 8 * grid[0], 8 * grid[1], seed=6).float()
    queries = functional.normalize(draw(n_queries, EMBED_DIM, seed=7), dim=1)
    weights = read_weights(jbu_state(kind)).to("cpu", torch.float32)
    compressed = compress(features, queries, weights)
    for upsampler in (Learned(weights, 3), Bilateral(3)):
        spread = upsampler.plan(guide, grid)
        assert can_compile(compressed, spread)
        found, wanted = (cosines(compressed, spread, compiled=compiled) for compiled in (True, False))
        torch.testing.assert_close(found, wanted, rtol=0, atol=3e-5)  # both round
    found = cosines(compressed, Learned(weights, 3).plan(guide, grid), KernelPool(packed=True))
    wanted = cosines(compressed, Learned(weights, 3).plan(guide, grid), compiled=False)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.02)


@pytest.mark.parametrize("radius", [1, 2, 4])
def test_compiled_code_takes_smaller_kernels(radius: int) -> None:
    pytest.importorskip("numba", reason="compiled code needs Numba")
    features, guide = draw(1, EMBED_DIM, 3, 5).float(), draw(1, 3, 12, 20, seed=6).float()
    weights = read_weights(jbu_state(radius=radius)).to("cpu", torch.float32)
    compressed, spread = (
        compress(features, draw(3, EMBED_DIM).float(), weights),
        Learned(weights, 2).plan(guide, (3, 5)),
    )
    found, wanted = (cosines(compressed, spread, compiled=compiled) for compiled in (True, False))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_compiled_code_leaves_larger_kernels_to_the_plain_one() -> None:
    features, guide = draw(1, EMBED_DIM, 8, 8).float(), draw(1, 3, 16, 16).float()
    weights = read_weights(jbu_state(radius=6)).to("cpu", torch.float32)
    compressed, spread = compress(features, draw(3, EMBED_DIM), weights), Learned(weights, 1).plan(guide, (8, 8))
    assert not can_compile(compressed, spread)
    assert cosines(compressed, spread).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("packed", [False, True], ids=["float32", "packed"])
@pytest.mark.parametrize(
    ("stride", "shares"), [pytest.param(16, True, id="tiles on tiles"), pytest.param(42, False, id="tiles apart")]
)
@pytest.mark.parametrize("kind", ["jbu_one", "bilateral"])
def test_kernels_that_windows_share_change_nothing(kind: str, stride: int, shares: bool, packed: bool) -> None:
    pytest.importorskip("numba", reason="compiled code needs Numba")
    side = 64
    weights = read_weights(jbu_state()).to("cpu", torch.float32)
    upsampler = Learned(weights, 3) if kind == "jbu_one" else Bilateral(3)
    image = draw(3, side + 2 * stride, side + 2 * stride, seed=6).float()
    queries = functional.normalize(draw(4, EMBED_DIM, seed=7), dim=1)
    pool = KernelPool(packed, (side, side), int(image.shape[2]))
    for top in (0, stride, 2 * stride):
        corners = [(top, stride * n) for n in range(3)]
        guide = torch.stack([image[:, y : y + side, x : x + side] for y, x in corners])
        compressed = compress(draw(3, EMBED_DIM, 8, 8, seed=top).float(), queries, weights)
        spread = upsampler.plan(guide, (8, 8))
        found = cosines(compressed, spread, pool, corners)
        wanted = cosines(compressed, spread, KernelPool(packed))
        torch.testing.assert_close(found, wanted, rtol=0, atol=0 if kind == "jbu_one" else 1e-5 + 0.01 * packed)
    levels = [pool.place(2, (side, side), 5, 3, [(3 * stride, stride * n) for n in range(3)]) for _ in range(2)]
    n_made = [[len(todo) for todo in level[2]] for level in levels]
    assert (n_made[0][2] < n_made[0][0]) == shares  # the last window shares with its neighbour
    assert (n_made[1][0] < n_made[0][0]) == shares  # and all are there when asked for again
