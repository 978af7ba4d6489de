# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of the command line that look after checkpoints."""

from __future__ import annotations

import argparse
from typing import Any, Dict

from ..config import DownloadModelConfig, ImportModelConfig, ListModelsConfig
from .commands import add_command, set_defaults

__all__ = ["add_models"]


def add_models(commands: Any) -> None:
    """Add the command ``models`` with its tasks.

    Args:
        commands: What ``add_subparsers`` gave.
    """
    text = "checkpoints of CLIP and of upsamplers: list, import, download, remove"
    models = commands.add_parser("models", help=text, description=text.capitalize() + ".")
    tasks = models.add_subparsers(title="tasks", metavar="TASK", required=True)
    listing = add_command(tasks, "list", "list_models", "show what is installed and what is known", _folder_option)
    incoming = add_command(tasks, "import", "import_model", "copy a checkpoint into the folder", _import_options)
    incoming.add_argument("file", metavar="FILE", help="safetensors, file of torch.save, or OpenAI's archive")
    download = add_command(tasks, "download", "download_model", "download a checkpoint", _download_options)
    download.add_argument("model", metavar="NAME|URL", help="known checkpoint, or an address")
    download.add_argument("--proxy", metavar="URL", help="HTTP proxy; default: that of the environment")
    for parser in (incoming, download):
        parser.add_argument("--name", metavar="NAME", help="to call it by; default: made from the file's")
        parser.add_argument("--sha256", metavar="HASH", help="that the file must have")
        parser.add_argument("--architecture", metavar="NAME", help="open_clip's; default: from the file")
        parser.add_argument("--licence", metavar="TEXT", help="to remember with it")
        set_defaults(parser, ImportModelConfig, "name", "sha256", "architecture", "licence")
    set_defaults(download, DownloadModelConfig, "proxy")
    removal = add_command(tasks, "remove", "remove_model", "remove a model", _remove_options)
    removal.add_argument("name", metavar="NAME", help="of an installed model")
    for parser in (listing, incoming, download, removal):
        parser.add_argument("--folder", metavar="DIR", help="folder of models; default: SPECIAL_MODEL_DIR")
        set_defaults(parser, ListModelsConfig, "folder")


def _folder_option(found: argparse.Namespace) -> Dict[str, Any]:
    return {"folder": found.folder}


def _remove_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {"name": found.name, "folder": found.folder}


def _described_options(found: argparse.Namespace) -> Dict[str, Any]:
    names = ("name", "sha256", "architecture", "licence", "folder")
    return {name: getattr(found, name) for name in names}


def _import_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {"file": found.file, **_described_options(found)}


def _download_options(found: argparse.Namespace) -> Dict[str, Any]:
    return {"model": found.model, "proxy": found.proxy, **_described_options(found)}
