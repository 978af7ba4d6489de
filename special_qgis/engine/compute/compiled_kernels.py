# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether Numba can be used, and where it keeps what it has compiled.

Compiled kernels go into the user's cache folder, never beside the sources: an installed plugin's folder may be
read-only, and Numba does not notice when a module that a kernel calls has changed. The folder's name therefore holds a
hash of all kernels. ``NUMBA_CACHE_DIR``, where it is set, is respected. A folder that cannot be
used, or that others may write to, is not used. Import this before any kernel.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from functools import lru_cache
from pathlib import Path

from ..files.data_folder import expand_home
from . import kernel_cache

__all__ = ["has_numba", "kernel_cache_folder"]

KERNEL_MODULES = (  # and what else compiled code is made from; relative to the engine's folder
    "compute/simd",
    "compute/simd_products",
    "mamba/tile_kernels",
    "mamba/scan_kernels",
    "mamba/token_kernels",
    "mamba/pixel_kernels",
    "clip/upsampling/step_kernels",
    "clip/upsampling/tiling",
)


def kernel_cache_folder() -> Path:
    """Folder for compiled kernels: below SPECIAL_CACHE, else the user's cache folder."""
    digest = hashlib.sha256()
    for name in KERNEL_MODULES:
        digest.update((Path(__file__).parent.parent / f"{name}.py").read_bytes())
    named = os.environ.get("SPECIAL_CACHE")
    base = expand_home(named) / "kernels" if named else _user_cache() / "special_qgis" / "kernels"
    return base / digest.hexdigest()[:12]


def _user_cache() -> Path:
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path.home() / ".cache"


@lru_cache(maxsize=1)
def has_numba() -> bool:
    """Whether Numba can be imported; the first call points it to the cache folder."""
    try:
        config = importlib.import_module("numba.core.config")
        importlib.import_module("numba")
    except (ImportError, OSError, SystemError):
        return False
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else kernel_cache_folder()
    reason = kernel_cache.prepare(folder)
    if reason:
        kernel_cache.tell_once(reason)
    else:
        config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    caching, dispatcher = (importlib.import_module(f"numba.core.{name}") for name in ("caching", "dispatcher"))
    kernel_cache.install(caching, dispatcher, is_usable=not reason)
    return True
