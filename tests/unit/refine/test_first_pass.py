# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the network stage needs the runtime with PyTorch")
import torch
from torch import nn

from special_qgis.engine.compute.compiled_kernels import has_numba
from special_qgis.engine.config import RefineConfig
from special_qgis.engine.errors import Cancelled
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.first_pass import make_first_pass
from special_qgis.engine.refine.network import network_builder
from tests.helpers.listener import Listener
from tests.helpers.noisy_scene import small_network

REPOSITORY = Path(__file__).resolve().parents[3]


class Slow(nn.Module):
    """A network whose first pass takes long, as one whose code is compiled does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Wait, then pass on."""
        time.sleep(5.0)
        return image * self.scale


def test_first_pass_changes_neither_weights_nor_gradients_nor_buffers() -> None:
    network = nn.Sequential(small_network(4, 3), nn.BatchNorm2d(3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    make_first_pass(network, 4, True, NullProgress())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_first_pass_cancelled_while_it_runs_ends_within_a_second() -> None:
    listener = Listener(cancel_on="preparing")
    with pytest.raises(Cancelled):
        make_first_pass(Slow(), 2, True, listener)
    assert listener.since_cancel_s() < 1.0


def test_first_pass_that_fails_raises_what_went_wrong() -> None:
    with pytest.raises(RuntimeError, match="channels"):
        make_first_pass(small_network(4, 3), 5, True, NullProgress())


SIGNATURES = """
import importlib, json, sys
import torch
from special_qgis.engine.progress import NullProgress
from special_qgis.engine.refine.first_pass import make_first_pass
from special_qgis.engine.mamba import MambaHSI
from special_qgis.engine.compute.compiled_kernels import KERNEL_MODULES, has_numba

def signatures():
    names = [name.replace("/", ".") for name in KERNEL_MODULES]
    modules = [importlib.import_module(f"special_qgis.engine.{name}") for name in names]
    kernels = {value for one in modules for value in vars(one).values() if hasattr(value, "nopython_signatures")}
    return sorted(str((kernel.py_func.__name__, kernel.nopython_signatures)) for kernel in kernels)

has_numba()
found = [signatures()]
network = MambaHSI(5, 2)
make_first_pass(network, 5, True, NullProgress())
found.append(signatures())
for side in (1, 3, 8, 20, 40):
    network(torch.zeros(1, 5, side, side)).sum().backward()
found.append(signatures())
json.dump(found, sys.stdout)
"""


def test_first_pass_compiles_all_that_images_of_any_size_need() -> None:
    if not has_numba():
        pytest.skip("Numba is not installed")
    done = subprocess.run(
        [sys.executable, "-c", SIGNATURES],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    before, after_first_pass, after_others = json.loads(done.stdout)
    assert before != after_first_pass
    assert after_first_pass == after_others


def test_published_network_makes_its_first_pass() -> None:
    make_first_pass(network_builder(RefineConfig.published())(3, 2), 3, True, NullProgress())
