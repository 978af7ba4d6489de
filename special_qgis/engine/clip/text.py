# SPDX-License-Identifier: GPL-2.0-or-later
"""Embeddings of class names: the text half of CLIP.

Takes an open_clip model, its tokenizer and the classes, gives one unit vector per word. Every prompt's embedding is
normalised, the mean over a word's prompts is normalised again. Embeddings are kept in a folder by checkpoint and
prompts.

Source: Radford et al. 2021, arXiv 2103.00020, section 3.1.4 (prompt ensembling in embedding space).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..classes.classes import LandCoverClass
from ..config import ClipConfig
from ..errors import ConfigError
from ..progress import NullProgress, Progress, check_cancelled
from .loaded_clip import LoadedClip
from .prompts import class_queries, fill_templates
from .text_cache import TextCache

__all__ = ["ClassEmbeddings", "embed_classes", "encode_prompts"]

PROMPTS_AT_ONCE = 20  # a quarter of a second on two cores with the text tower of ViT-B


@dataclass(frozen=True)
class ClassEmbeddings:
    """What the image is compared with."""

    queries: NDArray[np.float32]  # (queries, dimensions) float32, unit length
    class_of_query: NDArray[np.intp]  # (queries,) index of the class, 0…K − 1, ascending
    words: Tuple[str, ...]  # of each query

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return int(self.class_of_query[-1]) + 1


def embed_classes(
    clip: LoadedClip,
    classes: Sequence[LandCoverClass],
    config: ClipConfig,
    cache_folder: Optional[Path] = None,
    progress: Optional[Progress] = None,
) -> ClassEmbeddings:
    """Embed all words of all classes.

    Args:
        clip: The model with its tokenizer.
        classes: Land-cover classes in the order of their ids.
        config: Prompt templates, and whether words of the shipped dictionary are added.
        cache_folder: Where embeddings are kept; None = nowhere. Used only where the model comes from a file.
        progress: Receives progress, and a message where the cache cannot be written; checked for cancel at every batch
            of prompts; None = nothing receives them.

    Returns:
        One unit vector for each word.

    Raises:
        ConfigError: The model gives embeddings that are not finite.
        Cancelled: The user cancelled.
    """
    listener = progress or NullProgress()
    words = class_queries(classes, config.use_aliases)
    pairs = [(index, word) for index, of_class in enumerate(words) for word in of_class]
    cache = TextCache(cache_folder, clip.sha256, listener) if cache_folder and clip.sha256 else None
    vectors = []
    for number, (_, word) in enumerate(pairs):
        listener.report(number / len(pairs), "Encoding the class names")
        prompts = fill_templates(word, config.templates)
        vector = cache.read(prompts) if cache else None
        if vector is None:
            vector = _embed_word(clip, prompts, listener)
            if cache:
                cache.write(prompts, vector)
        vectors.append(vector)
    listener.report(1.0)
    return ClassEmbeddings(
        np.stack(vectors), np.array([index for index, _ in pairs], np.intp), tuple(word for _, word in pairs)
    )


def _embed_word(clip: LoadedClip, prompts: Sequence[str], progress: Progress) -> NDArray[np.float32]:
    parts: List[torch.Tensor] = []
    for start in range(0, len(prompts), PROMPTS_AT_ONCE):
        check_cancelled(progress)
        parts.append(encode_prompts(clip.model, clip.tokenizer, prompts[start:][:PROMPTS_AT_ONCE]))
    unit = functional.normalize(torch.cat(parts).double(), dim=1)
    vector = functional.normalize(unit.mean(dim=0), dim=0)
    if not bool(torch.isfinite(vector).all()) or float(vector.norm()) < 0.5:
        raise ConfigError(
            f"The model's text tower gives no usable embedding of {prompts[0]!r}: values are not finite or all zero.",
            "The checkpoint is damaged or belongs to another architecture; import it again.",
        )
    array: NDArray[np.float32] = vector.to(torch.float32).cpu().numpy()
    return array


def encode_prompts(model: Any, tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Embeddings of prompts, not normalised: (prompts, dimensions), the same as ``model.encode_text``.

    A causal text tower looks at nothing after the end of a prompt, so it is run on as many positions as the longest
    prompt has; prompts are short, and most of the time would go into padding.
    """
    device = next(model.parameters()).device
    tokens = tokenizer(list(prompts)).to(device)
    with torch.inference_mode():
        encoded: torch.Tensor = _encode_short(model, tokens) if _is_causal(model) else model.encode_text(tokens)
    return encoded


def _is_causal(model: Any) -> bool:
    """Whether the model is open_clip's CLIP with OpenAI's text tower: causal, read at the token of highest number."""
    needed = ("token_embedding", "positional_embedding", "transformer", "ln_final", "attn_mask", "text_projection")
    whole = all(getattr(model, name, None) is not None for name in needed)
    return whole and getattr(model, "text_pool_type", "") == "argmax"


def _encode_short(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    ends = tokens.argmax(dim=1)
    n = int(ends.max()) + 1
    dtype = model.transformer.get_cast_dtype()
    x = model.token_embedding(tokens[:, :n]).to(dtype) + model.positional_embedding[:n].to(dtype)
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:n, :n]))
    x = x[torch.arange(len(x), device=x.device), ends]
    projection = model.text_projection
    projected: torch.Tensor = projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection
    return projected
