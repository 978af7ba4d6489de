# SPDX-License-Identifier: GPL-2.0-or-later
"""MambaHSI against its formulae in NumPy, its uneven sides, its seeds."""

from __future__ import annotations

from typing import Dict, List

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional

from special_qgis.engine.compute.compiled_kernels import has_numba
from special_qgis.engine.errors import ConfigError
from special_qgis.engine.mamba import MambaHSI
from tests.helpers import mamba_numpy
from tests.helpers.seeded_network import seeded_network

N_BANDS, N_CLASSES = 7, 3
BACKENDS = ["reference", "lanes", pytest.param("automatic", id="automatic")]


def image(rows: int, cols: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, N_BANDS, rows, cols, generator=torch.Generator().manual_seed(2))


def shaken_network(**options: str) -> MambaHSI:
    """A network no two of whose parameters are alike, so that exchanged ones show."""
    network = seeded_network(N_BANDS, N_CLASSES, seed=3, **options)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return network


def numpy_state(network: MambaHSI) -> Dict[str, np.ndarray]:
    return {name: value.double().numpy() for name, value in network.state_dict().items()}


def loss_and_gradients(network: MambaHSI, cube: torch.Tensor) -> List[torch.Tensor]:
    """Cross-entropy with a fixed pattern of labels, and the gradients of all parameters."""
    network.zero_grad()
    logits = network(cube)
    labels = torch.arange(logits[:, 0].numel()).reshape(logits[:, 0].shape) % N_CLASSES
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    return [loss.detach(), *(parameter.grad for parameter in network.parameters())]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("rows", "cols"), [(4, 4), (8, 12), (20, 16)])
def test_logits_match_numpy_formulae(backend: str, rows: int, cols: int) -> None:
    network, cube = shaken_network(backend=backend), image(rows, cols)
    expected = mamba_numpy.logits(numpy_state(network), cube[0].double().numpy())
    found = network(cube)[0].detach().numpy()
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_gradients_in_float64_match_differences_of_numpy_formulae() -> None:
    network, cube = shaken_network(backend="lanes").double(), image(8, 8).double()
    weighting = np.cos(np.arange(N_CLASSES * 64)).reshape(N_CLASSES, 8, 8)
    (network(cube)[0] * torch.from_numpy(weighting)).sum().backward()
    step = 1e-6
    for name, parameter in network.named_parameters():
        state, place = numpy_state(network), (np.arange(parameter.dim()) + 1) % np.array(parameter.shape)
        values = []
        for sign in (1, -1):
            moved = state[name].copy()
            moved[tuple(place)] += sign * step
            values.append((mamba_numpy.logits({**state, name: moved}, cube[0].numpy()) * weighting).sum())
        slope = (values[0] - values[1]) / (2 * step)
        assert float(parameter.grad[tuple(place)]) == pytest.approx(slope, rel=1e-5, abs=1e-7), name


@pytest.mark.skipif(not has_numba(), reason="Numba is not installed")
@pytest.mark.parametrize(("rows", "cols", "batch"), [(16, 20, 1), (13, 18, 2), (1, 5, 1)])
def test_fused_network_matches_plain_one_in_loss_and_gradients(rows: int, cols: int, batch: int) -> None:
    network, cube = shaken_network(backend="fused"), image(rows, cols, batch)
    twin = MambaHSI(N_BANDS, N_CLASSES, backend="lanes").double()
    twin.load_state_dict(network.state_dict())
    expected = loss_and_gradients(twin, cube.double())
    scale = max(float(value.abs().max()) for value in expected[1:])
    for one, other in zip(loss_and_gradients(network, cube), expected):
        assert (one - other).abs().max() <= 1e-5 * (float(other.abs().max()) + 0.1 * scale)


@pytest.mark.parametrize("uneven_sides", ["pad", "resize"])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 9), (7, 8), (13, 18)])
def test_any_size_gives_finite_logits_on_the_same_grid(uneven_sides: str, rows: int, cols: int) -> None:
    logits = shaken_network(uneven_sides=uneven_sides)(image(rows, cols, 2))
    assert logits.shape == (2, N_CLASSES, rows, cols)
    assert torch.isfinite(logits).all()


def test_padding_repeats_the_edge_and_cuts_it_off_again() -> None:
    network, cube = shaken_network(), image(6, 11)
    wide = cube[:, :, [0, 1, 2, 3, 4, 5, 5, 5]][:, :, :, [*range(11), 10]]
    assert torch.equal(network(cube), network(wide)[:, :, :6, :11])


def test_resizing_goes_to_the_next_multiple_of_four_and_back() -> None:
    network, cube = shaken_network(uneven_sides="resize"), image(6, 11)
    enlarged = functional.interpolate(cube, size=(8, 12), mode="bilinear")
    expected = functional.interpolate(network(enlarged), size=(6, 11), mode="bilinear")
    assert torch.allclose(network(cube), expected, atol=1e-6)


def test_sides_that_are_multiples_of_four_are_the_same_both_ways() -> None:
    resizing = shaken_network(uneven_sides="resize")
    assert torch.equal(shaken_network()(image(8, 12)), resizing(image(8, 12)))


def test_memory_format_does_not_change_logits() -> None:
    network, cube = shaken_network(), image(12, 8)
    assert torch.equal(network(cube), network(cube.contiguous(memory_format=torch.channels_last)))


def test_same_seed_gives_same_weights_and_leaves_the_random_state() -> None:
    before = torch.get_rng_state()
    one, other = (seeded_network(5, 2, seed=9).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(one["detail.weight"], seeded_network(5, 2, seed=10).state_dict()["detail.weight"])


def test_training_twice_gives_the_same_weights_to_the_bit() -> None:
    results = []
    for _ in range(2):
        network = seeded_network(N_BANDS, N_CLASSES, seed=1)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(3):
            loss_and_gradients(network, image(20, 24))
            optimiser.step()
        results.append(network.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_network_says_what_runs_it() -> None:
    network = seeded_network(5, 2, seed=0, backend="lanes")
    assert network.backend_in_use() == "lanes"
    assert seeded_network(5, 2, seed=0, backend="reference").backend_in_use() == "reference"


def test_state_dict_names_are_kept() -> None:
    names = set(seeded_network(5, 2, seed=0).state_dict())
    own = {name for name in names if ".mamba." not in name and "blocks." not in name}
    expected = {f"{part}.{kind}" for kind in ("weight", "bias") for part in ("embedding.0", "embedding.1", "detail")}
    expected |= {f"{part}.{kind}" for kind in ("weight", "bias") for part in ("smooth.0", "smooth.1", "head.0")}
    expected |= {f"{part}.{kind}" for kind in ("weight", "bias") for part in ("head.1", "head.3")}
    assert own == expected
    first = {name[len("blocks.0.") :] for name in names if name.startswith("blocks.0.") and ".mamba." not in name}
    assert first == {"mixture"} | {f"{s}.norm.{k}" for s in ("spatial", "spectral") for k in ("weight", "bias")}


@pytest.mark.parametrize(("n_bands", "n_classes"), [(0, 2), (5, 0)])
def test_network_without_bands_or_classes_is_refused(n_bands: int, n_classes: int) -> None:
    with pytest.raises(ConfigError, match="at least one band and one class"):
        MambaHSI(n_bands, n_classes)


def test_unknown_way_with_uneven_sides_is_refused() -> None:
    with pytest.raises(ConfigError, match="uneven_sides must be one of pad, resize; got 'crop'"):
        MambaHSI(5, 2, uneven_sides="crop")
