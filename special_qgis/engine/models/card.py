# SPDX-License-Identifier: GPL-2.0-or-later
"""The card of an imported model: a small JSON file beside it that says what it is and where it came from."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from ..errors import ModelError
from ..texts.plain_text import parse_json, shorten

CARD_SUFFIX = ".card.json"
_LARGEST_CARD_BYTES = 2**20
_TEXTS = (
    "name", "file", "kind", "architecture", "sha256", "source", "licence", "imported_at", "file_format",
    "named_architecture",
)  # fmt: skip


@dataclass(frozen=True)
class ModelCard:
    """What is remembered of an imported model."""

    name: str  # by which parameters and scripts call it
    file: str  # name of the checkpoint, in the same folder
    kind: str  # "clip" or "upsampler"
    architecture: str
    sha256: str  # of the file when it was imported
    size_bytes: int
    licence: str = ""  # "" = not known
    source: str = ""  # web page, address or path that it came from
    imported_at: str = ""  # ISO 8601, UTC
    file_format: str = ""  # "safetensors", "torch", "torchscript" ...
    named_architecture: str = ""  # as the user named it; "" = told from the file
    quick_gelu: Optional[bool] = None  # activation it was trained with; None = not known
    config: Optional[Mapping[str, Any]] = None  # open_clip's model_cfg that came beside the file

    def to_json(self) -> Dict[str, Any]:
        """The card as plain JSON values."""
        return dataclasses.asdict(self)


def card_path(folder: Path, name: str) -> Path:
    """Where the card of a model lies."""
    return folder / f"{name}{CARD_SUFFIX}"


def card_of(path: Path) -> Optional[ModelCard]:
    """The card beside a checkpoint; None where there is none that speaks of it.

    Raises:
        ModelError: There is one that cannot be read.
    """
    found = card_path(path.parent, path.stem)
    card = read_card(found) if found.is_file() else None
    return card if card is not None and card.file == path.name else None


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: It cannot be read or understood.
    """
    try:
        if path.stat().st_size > _LARGEST_CARD_BYTES:
            raise ValueError("it is too large")
        content = parse_json(path.read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(ModelCard)}
        card = ModelCard(**{key: value for key, value in content.items() if key in known})
        texts = (getattr(card, key) for key in _TEXTS)
        if not all(isinstance(text, str) for text in texts) or Path(card.file).name != card.file or not card.file:
            raise ValueError("a field has a value that is not accepted")
        if not isinstance(card.size_bytes, int) or not isinstance(card.config, (dict, type(None))):
            raise ValueError("a field has a value that is not accepted")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The card {path} cannot be read: {shorten(error, 200)}.", "Remove it and import the model again."
        ) from error
    return card


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(card.to_json(), stream, indent=2, ensure_ascii=False)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
