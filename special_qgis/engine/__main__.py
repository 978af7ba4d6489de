# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine on a terminal, on machines without QGIS's windows: ``python -m special_qgis.engine classify ...``."""

from __future__ import annotations

import json
import sys
from typing import Sequence

from .errors import Cancelled, EngineError
from .files.resources import plugin_version
from .jobs import run_job
from .terminal.command_line import parse_arguments
from .terminal.console import ConsoleProgress
from .terminal.result_text import format_result
from .worker import EXIT_CANCELLED, EXIT_ERROR, EXIT_OK, MEMORY_HINT, to_plain


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for.

    Args:
        arguments: Words after the program's name.

    Returns:
        Exit code: 0 done, 1 an error or a scene of a campaign that failed, 130 cancelled.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a path or a unit that the terminal cannot show
    console = ConsoleProgress(sys.stderr)
    console.listen_to_signals()
    try:
        request = parse_arguments(arguments, plugin_version())
        result = to_plain(run_job(request.job, request.options, console))
    except EngineError as error:
        console.show_error(error)
        return EXIT_ERROR
    except MemoryError as error:
        console.show_error(EngineError(f"Memory ran out. {error}".strip(), MEMORY_HINT))
        return EXIT_ERROR
    except Cancelled as cancelled:
        console.info(f"Cancelled; {str(cancelled) or 'nothing was written.'}")
        return EXIT_CANCELLED
    finally:
        console.close()
    text = json.dumps(result, indent=2) + "\n" if request.as_json else format_result(request.job, result)
    sys.stdout.write(text)
    return EXIT_ERROR if result.get("n_failed") else EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
