# SPDX-License-Identifier: GPL-2.0-or-later
"""How many workers a machine bears, and how many threads each of them gets."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..config import ScenesConfig
from ..evidence.parallel import n_cores
from ..scene.memory import free_bytes
from .fingerprint import is_light

__all__ = ["Crew", "plan_crew"]

_LIGHT_BYTES = 2**30  # of a worker with the spectral prior alone: 512 MiB of blocks, tiles, Python with GDAL
_HEAVY_BYTES = 4 * 2**30  # of a worker with PyTorch, the network and an image-text model


class Crew(NamedTuple):
    """Workers of a campaign on this machine."""

    n_workers: int
    n_threads: int  # of each
    retries: int  # of a scene whose worker died


def plan_crew(config: ScenesConfig, n_scenes: int) -> Crew:
    """Workers for a campaign: as many as wanted, else as cores, memory and scenes allow.

    Threads are shared out, so that workers times threads never exceed the cores; no worker gets more than
    ``OMP_NUM_THREADS`` says, where it is set. One worker alone has a GPU that is demanded.

    Args:
        config: Options of the campaign.
        n_scenes: Number of scenes, 1 or more.
    """
    cores = n_cores()
    n_workers = config.workers
    if not n_workers:
        by_memory = free_bytes() // (_LIGHT_BYTES if is_light(config.classify) else _HEAVY_BYTES)
        n_workers = 1 if config.classify.device == "cuda" else min(cores, by_memory)
    n_workers = max(1, min(n_workers, n_scenes))
    n_threads = max(1, cores // n_workers)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdecimal() and int(limit) > 0:
        n_threads = min(n_threads, int(limit))
    return Crew(n_workers, n_threads, config.retries)
