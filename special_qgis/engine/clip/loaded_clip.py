# SPDX-License-Identifier: GPL-2.0-or-later
"""A CLIP model with what belongs to it. open_clip's object itself is never changed, so what we add stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

__all__ = ["OPENAI_MEAN", "OPENAI_STD", "ImageTower", "LoadedClip"]

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of the images that OpenAI's CLIP was trained on
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

Colour = Tuple[float, float, float]  # of red, green and blue


@dataclass(frozen=True)
class ImageTower:
    """The image half of a CLIP model, and how its images are normalised."""

    visual: Any  # visual tower of an open_clip model, as it is or as ``torch.compile`` gives it
    mean: Colour = OPENAI_MEAN  # of RGB in [0, 1], to be subtracted
    std: Colour = OPENAI_STD  # to be divided by


@dataclass(frozen=True)
class LoadedClip:
    """A CLIP model, ready to score."""

    model: Any  # open_clip.CLIP in evaluation mode
    tokenizer: Any  # texts -> (texts, context length) int64
    sha256: str = ""  # of the file; "" = not from a file, and its text embeddings are kept nowhere
    name: str = ""  # of the model, or of its file
    architecture: str = ""  # open_clip's name where there is one
    image_mean: Colour = OPENAI_MEAN  # of RGB in [0, 1], to be subtracted
    image_std: Colour = OPENAI_STD  # to be divided by
    known_words: Optional[Tuple[str, ...]] = None  # words that it was trained on; None = no such limit

    @property
    def tower(self) -> ImageTower:
        """The image half."""
        return ImageTower(self.model.visual, self.image_mean, self.image_std)
