# SPDX-License-Identifier: GPL-2.0-or-later
"""What the interpreter that runs this process can import: the truth about a runtime, found out by trying.

Takes names of modules, gives their versions, the reasons why others fail, and the GPU that PyTorch sees, if any.
"""

from __future__ import annotations

import importlib
import platform
import sys
from types import ModuleType
from typing import Any, Dict

from .config import RuntimeCheckConfig
from .progress import Progress, check_cancelled


def check_runtime(config: RuntimeCheckConfig, progress: Progress) -> Dict[str, Any]:
    """Import modules one by one and report the outcome of each.

    Args:
        config: Names of the modules to import.
        progress: Receives the name of each module before its import, so that a crash can be traced to a module.

    Returns:
        ``python`` version, ``executable``, ``versions`` by module name, ``problems`` by module name, ``gpu`` (name of
        the device that PyTorch can use, or ""), ``cuda`` (version PyTorch is built for, or "").
    """
    modules: Dict[str, ModuleType] = {}
    problems: Dict[str, str] = {}
    for index, name in enumerate(config.modules):
        check_cancelled(progress)
        progress.report(index / len(config.modules))
        progress.info(f"Importing {name}")
        try:
            modules[name] = importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a foreign package may raise anything, and that is the finding
            problems[name] = f"{type(error).__name__}: {error}"
    gpu = _describe_gpu(modules["torch"]) if "torch" in modules else {"gpu": "", "cuda": ""}
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "versions": {name: str(getattr(module, "__version__", "")) for name, module in modules.items()},
        "problems": problems,
        **gpu,
    }


def _describe_gpu(torch: Any) -> Dict[str, str]:
    """Name of the first CUDA device, and the CUDA version PyTorch is built for; "" where there is none."""
    cuda = torch.version.cuda or ""
    usable = bool(cuda) and torch.cuda.is_available()
    return {"gpu": torch.cuda.get_device_name(0) if usable else "", "cuda": cuda}
