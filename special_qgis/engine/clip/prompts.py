# SPDX-License-Identifier: GPL-2.0-or-later
"""Words for the text encoder: prompt templates, and other words that stand for a class.

Takes the classes as typed and gives, for each, the words that compete for its pixels. Standard library only, so that
dialogs can show the words before anything heavy is loaded. The data are in ``resources/prompts.json``; OpenAI's 80
templates come with open_clip.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Dict, Sequence, Tuple

from ..classes.classes import LandCoverClass
from ..config import TEMPLATE_SETS
from ..errors import ConfigError
from ..files.resources import resource_path
from ..spectral_prior.lexicon import normalise, words_of

__all__ = ["class_queries", "fill_templates", "shipped_aliases"]


@lru_cache(maxsize=1)
def _content() -> Dict[str, Any]:
    content: Dict[str, Any] = json.loads(resource_path("prompts.json").read_text(encoding="utf-8"))
    return content


def shipped_aliases(name: str) -> Tuple[str, ...]:
    """Other words that the shipped dictionary has for a class name; none where the name is not in it.

    Args:
        name: Class name as typed, singular or plural, in upper or lower case.
    """
    return tuple(_content()["aliases"].get(_key(name), ()))


def class_queries(classes: Sequence[LandCoverClass], use_aliases: bool = True) -> Tuple[Tuple[str, ...], ...]:
    """The words that stand for each class: its name, the user's other words, then those of the dictionary.

    A word of the dictionary is left out where any class already has it, in the singular or the plural: what the user
    typed decides, and two classes with one word could not be distinguished.

    Args:
        classes: Land-cover classes in the order of their ids.
        use_aliases: Whether the words of the shipped dictionary are added.

    Returns:
        For each class its words, at least one.
    """
    taken = {_key(word) for one in classes for word in one.queries}
    found = []
    for one in classes:
        words = list(one.queries)
        for alias in shipped_aliases(one.name) if use_aliases else ():
            if _key(alias) not in taken:
                words.append(alias)
                taken.add(_key(alias))
        found.append(tuple(words))
    return tuple(found)


def fill_templates(word: str, templates: str = "both") -> Tuple[str, ...]:
    """The prompts of a word.

    Args:
        word: Name or alias.
        templates: One of ``config.TEMPLATE_SETS``: "openai" = the 80 of Radford et al. 2021 as open_clip ships them,
            "remote_sensing" = ours, "both".

    Raises:
        ConfigError: There is no such set.
        ModuleNotFoundError: open_clip is needed and missing.
    """
    if templates not in TEMPLATE_SETS:
        raise ConfigError(f"templates must be one of {', '.join(TEMPLATE_SETS)}; got {templates!r}.")
    prompts = []
    if templates in ("openai", "both"):
        from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

        prompts += [template(word) for template in OPENAI_IMAGENET_TEMPLATES]
    if templates in ("remote_sensing", "both"):
        prompts += [template.replace("{}", word) for template in _content()["remote_sensing"]]
    return tuple(prompts)


def _key(word: str) -> str:
    """What singular and plural, upper and lower case of a word have in common; the word itself in other scripts."""
    return " ".join(words_of(normalise(word))) or word
