# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled kernels side by side in threads.

Kernels let go of the interpreter's lock. How work is cut never depends on the number of threads, so results do not
either.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterable, Tuple

import torch

__all__ = ["run_side_by_side"]


@functools.lru_cache(maxsize=8)
def _pool(n_threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work until the process ends."""
    return ThreadPoolExecutor(max_workers=n_threads, thread_name_prefix="kernels")


def run_side_by_side(function: Callable[..., Any], calls: Iterable[Tuple[Any, ...]]) -> None:
    """Call a function once for every tuple of arguments, in as many threads as PyTorch uses, and wait for all."""
    waiting = list(calls)
    n_threads = min(torch.get_num_threads(), len(waiting))
    if n_threads <= 1:
        for arguments in waiting:
            function(*arguments)
        return
    for future in [_pool(torch.get_num_threads()).submit(function, *arguments) for arguments in waiting]:
        future.result()
