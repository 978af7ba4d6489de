# SPDX-License-Identifier: GPL-2.0-or-later
"""What the commands of the command line are made with; their defaults are those of the configuration's fields."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Dict, Type

from ..config.options import Options

__all__ = ["add_command", "set_defaults"]


def add_command(
    commands: Any, name: str, job: str, text: str, make_options: Callable[[argparse.Namespace], Dict[str, Any]]
) -> argparse.ArgumentParser:
    """Begin a command.

    Args:
        commands: What ``add_subparsers`` gave.
        name: Word on the command line.
        job: A key of ``jobs.JOBS``.
        text: What it does, in a few words.
        make_options: Makes the JSON form of the job's configuration from what was found on the command line.
    """
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text.capitalize() + ".")
    parser.set_defaults(job=job, make_options=make_options)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def set_defaults(parser: argparse.ArgumentParser, config: Type[Options], *same: str, **others: str) -> None:
    """Give options the defaults that the fields of a configuration have.

    Args:
        parser: Parser of the command, to which its options have been added.
        config: Class of the configuration that holds the defaults.
        same: Options called like their fields.
        others: Fields by options that are called otherwise.
    """
    fields = {**{name: name for name in same}, **others}
    parser.set_defaults(**{option: getattr(config, name) for option, name in fields.items()})
