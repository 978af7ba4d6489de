# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiles computed side by side in threads, their results taken in order.

NumPy lets go of the interpreter's lock in its loops, so threads share the cores without a copy of the pixels. Order is
kept and the number of tiles under way is bounded, so neither results nor memory depend on the number of threads.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Deque, Iterable, Iterator, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
MAX_THREADS = 4  # beyond, reading and compressing are the limit


def n_threads() -> int:
    """Number of threads to compute with on this machine; no more than ``OMP_NUM_THREADS`` says, where it is set."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    most = int(wanted) if wanted.isdecimal() and int(wanted) > 0 else MAX_THREADS
    return max(1, min(MAX_THREADS, most, n_cores()))


def n_cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ordered(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], threads: int | None = None
) -> Iterator[ResultT]:
    """Apply a function to each item in threads and yield the results in the items' order.

    At most ``threads + 1`` items are under way at once. An exception of the function or of the iterable is raised
    here, after the items under way have ended.

    Args:
        function: Maps one item to one result; called from several threads.
        items: Items; read from the calling thread only.
        threads: Number of worker threads, 1 or more; None = ``n_threads()``.
    """
    threads = threads or n_threads()
    pending: Deque[Future[ResultT]] = deque()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
