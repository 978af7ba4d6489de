# SPDX-License-Identifier: GPL-2.0-or-later
"""Command line of the runtime, for machines without a display and developers: ``python -m special_qgis.runtime``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import List, Optional, Sequence

from ..engine.errors import Cancelled, EngineError
from ..engine.files.data_folder import DATA_VARIABLE
from ..engine.terminal.console import ConsoleProgress
from .management import (
    RuntimeOptions,
    RuntimeStatus,
    check_light,
    check_runtime,
    install_runtime,
    list_runtimes,
    remove_runtime,
)

EXIT_OK, EXIT_ERROR, EXIT_CANCELLED = 0, 1, 130


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: Words after the program's name.

    Returns:
        Exit code: 0 done, 1 something is wrong, 130 cancelled.
    """
    options = _make_parser().parse_args(arguments)
    if options.folder:
        os.environ[DATA_VARIABLE] = options.folder
    console = ConsoleProgress(sys.stderr)
    console.listen_to_signals()
    try:
        return int(options.run(options, console))
    except EngineError as error:
        console.show_error(error)
        return EXIT_ERROR
    except Cancelled:
        console.info("Cancelled; nothing was installed.")
        return EXIT_CANCELLED
    finally:
        console.close()


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m special_qgis.runtime", description=__doc__)
    parser.set_defaults(folder="")
    commands = parser.add_subparsers(title="commands", required=True)

    status = commands.add_parser("status", help="try out QGIS's own Python and the runtime")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=_status)

    install = commands.add_parser("install", help="install the runtime, unless it is there")
    install.add_argument("--lock", default="", metavar="FILE", help="requirements file; default: the plugin's")
    install.add_argument("--wheels", default="", metavar="DIR", help="install from a folder of wheels, without network")
    install.add_argument("--cpu", action="store_true", help="CPU builds of PyTorch, without CUDA")
    install.add_argument("--proxy", default="", metavar="URL", help="proxy for the package index")
    install.add_argument("--reinstall", action="store_true", help="also when it is there already")
    install.set_defaults(run=_install)

    listing = commands.add_parser("list", help="list the runtimes on disk")
    listing.set_defaults(run=_list)

    removal = commands.add_parser("remove-old", help="remove runtimes that this version does not use, and broken ones")
    removal.set_defaults(run=_remove_old)

    for command in (status, install, listing, removal):
        command.add_argument("--folder", default="", metavar="DIR", help="data folder; default: SPECIAL_DATA_DIR")
    return parser


def _install(options: argparse.Namespace, console: ConsoleProgress) -> int:
    wanted = RuntimeOptions(
        index="cpu" if options.cpu else "default",
        wheel_folder=options.wheels,
        proxy=options.proxy,
        lock=options.lock,
        reinstall=options.reinstall,
    )
    interpreter = install_runtime(wanted, console)
    console.close()
    sys.stdout.write(f"{interpreter.path}\n")
    return EXIT_OK


def _status(options: argparse.Namespace, console: ConsoleProgress) -> int:
    found = {"light": check_light(console), "runtime": check_runtime(console)}
    console.close()
    if options.json:
        sys.stdout.write(json.dumps({name: _to_json(status) for name, status in found.items()}, indent=2) + "\n")
    else:
        for title, status in (("QGIS's own Python", found["light"]), ("Runtime", found["runtime"])):
            sys.stdout.write("\n".join([f"{title}:", *("  " + line for line in describe(status))]) + "\n")
    return EXIT_OK if all(status.is_healthy for status in found.values()) else EXIT_ERROR


def _list(options: argparse.Namespace, console: ConsoleProgress) -> int:
    for runtime in list_runtimes():
        state = ("in use" if runtime.is_current else "old") if runtime.is_ready else "broken"
        sys.stdout.write(f"{state:<8}{runtime.folder}\n")
    return EXIT_OK


def _remove_old(options: argparse.Namespace, console: ConsoleProgress) -> int:
    for runtime in list_runtimes():
        if not (runtime.is_current and runtime.is_ready):
            remove_runtime(runtime)
            sys.stdout.write(f"Removed {runtime.folder}\n")
    return EXIT_OK


def describe(status: RuntimeStatus) -> List[str]:
    """What is known about an interpreter, in lines for people."""
    lines: List[Optional[str]] = [
        status.interpreter.description if status.interpreter else None,
        f"Python {status.python}" if status.python else None,
        *(f"{name} {version}".rstrip() for name, version in status.versions.items()),
        f"CUDA {status.cuda}: {status.gpu or 'no usable GPU'}" if status.cuda else None,
        *(f"Problem: {problem}" for problem in status.problems),
    ]
    return [line for line in lines if line]


def _to_json(status: RuntimeStatus) -> dict[str, object]:
    return {
        "interpreter": status.interpreter.path if status.interpreter else None,
        "healthy": status.is_healthy,
        "python": status.python,
        "versions": status.versions,
        "gpu": status.gpu,
        "cuda": status.cuda,
        "problems": list(status.problems),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
