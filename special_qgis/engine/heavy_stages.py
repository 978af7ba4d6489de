# SPDX-License-Identifier: GPL-2.0-or-later
"""The door to stages that need PyTorch, for jobs that can do without them.

QGIS's own Python has no PyTorch. A job that starts there leaves such a stage out and reports why.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Sequence

__all__ = ["StageMissing", "load_stage"]


class StageMissing(Exception):  # noqa: N818 - a finding, not a failure
    """This Python cannot run a stage.

    Args:
        reason: Reason in words that follow "because".
        is_broken: Whether something that is installed does not work, in contrast to what was never installed.
    """

    def __init__(self, reason: str, is_broken: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_broken = is_broken


def load_stage(module: str, packages: Sequence[str]) -> ModuleType:
    """Import a stage.

    Args:
        module: Name of the module relative to the engine, beginning with a dot.
        packages: Names of the packages outside the plugin that the module needs.

    Raises:
        StageMissing: One of them is missing or broken.
    """
    for name in packages:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise StageMissing(f"this Python has no {error.name or name}") from error
        except OSError as error:  # raised on Windows for a library that does not load
            raise StageMissing(f"{name} cannot be loaded ({error})", is_broken=True) from error
    return importlib.import_module(module, __package__)
