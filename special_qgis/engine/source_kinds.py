# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of sources of evidence, by name, with what each needs.

An entry is light, so that options, help and dialogs can be made from it; what computes is imported when a run wants it.
Adding a source means a module with a ``plan`` function (see ``evidence.source``) and an entry here.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Callable, Dict, Tuple, Union

from .errors import ConfigError

__all__ = ["AUTOMATIC", "SourceKind", "forget_source", "register_source", "source_kind", "source_kinds", "source_names"]

AUTOMATIC = "automatic"  # as a run's source: all sources that can serve, fused


@dataclass(frozen=True)
class SourceKind:
    """One source of evidence, as options and help know it."""

    name: str  # value of the option ``source`` that demands this source alone; key of its figures in JSON
    title: str  # in words, for people
    help: str  # what it looks at and what it needs, in one or two sentences
    plan: Union[str, Callable[..., Any]]  # ``evidence.source.PlanSource``, or "module:function" relative to the engine
    packages: Tuple[str, ...] = ()  # to be imported besides NumPy and GDAL: it runs on the private runtime only
    needs_model: bool = False  # serves only where an image-text model is named or installed
    is_partial: bool = False  # tells groups of classes apart only: joins the others where it has data, never maps alone

    def load(self) -> Callable[..., Any]:
        """The function that plans the source for a run; see ``evidence.source.PlanSource``."""
        if not isinstance(self.plan, str):
            return self.plan
        module, _, function = self.plan.partition(":")
        plan: Callable[..., Any] = getattr(importlib.import_module(module, __package__), function)
        return plan


_KINDS: Dict[str, SourceKind] = {
    kind.name: kind
    for kind in (  # in the order in which they are fitted; the first that knows the names is what others are weighed by
        SourceKind(
            "spectral",
            "spectral prior",
            "Physical rules that match class names to the spectra; needs bands from red to near infrared, no weights.",
            ".evidence.spectral_source:plan",
        ),
        SourceKind(
            "clip",
            "CLIP",
            "A model of images and text that looks at the scene in true colour; needs a model and the runtime.",
            ".evidence.clip_source:plan",
            packages=("torch", "open_clip", "safetensors"),
            needs_model=True,
        ),
        SourceKind(
            "height",
            "height",
            "Whether a pixel stands up or lies flat, and the class names with it; needs a raster of heights.",
            ".evidence.height_source:plan",
            is_partial=True,
        ),
    )
}


def source_kinds() -> Tuple[SourceKind, ...]:
    """All sources, in the order in which they are fitted."""
    return tuple(_KINDS.values())


def source_names() -> Tuple[str, ...]:
    """What the option ``source`` accepts: automatic, or the name of one source that maps by itself."""
    return (AUTOMATIC, *(kind.name for kind in _KINDS.values() if not kind.is_partial))


def source_kind(name: str) -> SourceKind:
    """A source by its name.

    Raises:
        ConfigError: There is no such source.
    """
    if name not in _KINDS:
        raise ConfigError(f"There is no source of evidence {name!r}.", "Known are: " + ", ".join(_KINDS) + ".")
    return _KINDS[name]


def register_source(kind: SourceKind) -> None:
    """Add a source to those of this process, after the ones that are there.

    Raises:
        ConfigError: The name is taken.
    """
    if kind.name == AUTOMATIC or kind.name in _KINDS:
        raise ConfigError(f"There is a source of evidence {kind.name!r} already.", "Give the new one another name.")
    _KINDS[kind.name] = kind


def forget_source(name: str) -> None:
    """Take a source that was registered out again.

    Raises:
        ConfigError: There is no such source.
    """
    del _KINDS[source_kind(name).name]
