# SPDX-License-Identifier: GPL-2.0-or-later
"""Small CLIP models and upsamplers of random weights, as open_clip and the public checkpoints have them."""

from __future__ import annotations

from typing import Any, Dict

import open_clip
import torch
from open_clip.model import CLIP

EMBED_DIM = 24


def tiny_clip(
    seed: int = 0, image_px: int = 32, patch_px: int = 8, quick_gelu: bool = False, context: int = 77, **vision: Any
) -> CLIP:
    """An open_clip CLIP with a ViT of three blocks; more options of the tower by their open_clip names."""
    torch.manual_seed(seed)
    tower = {"image_size": image_px, "patch_size": patch_px, "width": 48, "layers": 3, "head_width": 16, **vision}
    text = {"context_length": context, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    model = CLIP(embed_dim=EMBED_DIM, vision_cfg=tower, text_cfg=text, quick_gelu=quick_gelu)
    with torch.no_grad():  # open_clip starts some of them at zero or one
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def tokenizer(context: int = 77) -> Any:
    """OpenAI's tokenizer."""
    return open_clip.SimpleTokenizer(context_length=context)


def jbu_state(kind: str = "jbu_one", dimensions: int = EMBED_DIM, seed: int = 0, radius: int = 0) -> Dict[str, Any]:
    """State dict of an upsampler with the keys of the public checkpoints, float64."""
    generator = torch.Generator().manual_seed(seed)
    steps = ("up",) if kind == "jbu_one" else ("up1", "up2", "up3", "up4")
    taps = (2 * (radius or (5 if kind == "jbu_one" else 3)) + 1) ** 2

    def draw(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return scale * torch.randn(shape, generator=generator, dtype=torch.float64)

    state = {}
    for step in steps:
        state.update(
            {
                f"upsampler.{step}.range_temp": draw(scale=0.3),
                f"upsampler.{step}.sigma_spatial": 0.7 + 0.1 * draw().abs(),
                f"upsampler.{step}.range_proj.0.weight": draw(32, 3, 1, 1),
                f"upsampler.{step}.range_proj.0.bias": draw(32, scale=0.1),
                f"upsampler.{step}.range_proj.3.weight": draw(32, 32, 1, 1, scale=0.2),
                f"upsampler.{step}.range_proj.3.bias": draw(32, scale=0.1),
                f"upsampler.{step}.fixup_proj.0.weight": draw(taps, taps + 3, 1, 1, scale=0.2),
                f"upsampler.{step}.fixup_proj.0.bias": draw(taps, scale=0.1),
                f"upsampler.{step}.fixup_proj.3.weight": draw(taps, taps, 1, 1, scale=0.02),
                f"upsampler.{step}.fixup_proj.3.bias": draw(taps, scale=0.01),
            }
        )
    state["upsampler.fixup_proj.1.weight"] = draw(dimensions, dimensions, 1, 1, scale=0.3)
    state["upsampler.fixup_proj.1.bias"] = draw(dimensions, scale=0.3)
    return state
