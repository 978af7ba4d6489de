# SPDX-License-Identifier: GPL-2.0-or-later
"""GDAL's exceptions, switched on and off in one place.

Before GDAL 3.7 the modules gdal, ogr and osr share one stack of error handlers: what was switched on last must be
switched off first. Nothing else in the engine touches these switches.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, List

from osgeo import gdal, ogr, osr

_MODULES = (gdal, ogr, osr)


def use_exceptions() -> None:
    """Let GDAL's failures raise ``RuntimeError``; called by every function of the engine that opens something."""
    for module in _MODULES:
        if not module.GetUseExceptions():
            module.UseExceptions()


@contextmanager
def without_exceptions() -> Iterator[None]:
    """Let failures inside reach the error handler alone, for what happens in a destructor."""
    switched_off = _switch_off()
    try:
        yield
    finally:
        for module in reversed(switched_off):
            module.UseExceptions()


def _switch_off() -> List[Any]:
    """Switch off whatever is on; only the topmost module of the stack can go, so each round takes at least one."""
    switched_off = []
    gdal.PushErrorHandler("CPLQuietErrorHandler")  # a refusal is also reported there
    try:
        for _ in _MODULES:
            for module in reversed(_MODULES):
                if module.GetUseExceptions() and _try_switch_off(module):
                    switched_off.append(module)
    finally:
        gdal.PopErrorHandler()
    return switched_off


def _try_switch_off(module: Any) -> bool:
    try:
        module.DontUseExceptions()
    except RuntimeError:  # not the topmost
        return False
    return not module.GetUseExceptions()
