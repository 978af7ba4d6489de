# SPDX-License-Identifier: GPL-2.0-or-later
"""Checkpoints that the plugin knows by name: what they are, whose, under which licence, and where to get them.

What is not known for certain is None and never guessed: an unknown hash is recorded when the file is imported. The
hashes of OpenAI's files are part of their public addresses. Any other file that open_clip can load works as well; it
only has no entry here.

Sources: open_clip's table of pretrained weights (OpenAI, LAION), the pages named in each entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

CLIP, UPSAMPLER = "clip", "upsampler"  # kinds of models
DEMO_NAME = "demo"
UNKNOWN_HASH = "not known, recorded at import"
UNKNOWN_LICENCE = "see the source page"

_OPENAI = "https://openaipublic.azureedge.net/clip/models"
_OPENAI_PAGE = "https://github.com/openai/CLIP"
_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class ModelEntry:
    """A known checkpoint."""

    name: str  # permanent: parameters, scripts and cards hold it
    title: str  # for people
    kind: str  # CLIP or UPSAMPLER
    architecture: str  # open_clip's name of it; the upsampler's own name
    file_name: str  # as its authors call the file
    page: str  # web page that offers it
    url: str = ""  # address of the file itself; "" = only the page is known
    licence: Optional[str] = None  # None = not stated where we looked
    sha256: Optional[str] = None  # None = not known
    size_bytes: Optional[int] = None  # None = not known
    quick_gelu: Optional[bool] = None  # activation it was trained with; None = not known

    @property
    def shown_licence(self) -> str:
        """The licence, or where to find it."""
        return self.licence or UNKNOWN_LICENCE


def _openai(name: str, title: str, architecture: str, file_name: str, sha256: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        kind=CLIP,
        architecture=architecture,
        file_name=file_name,
        page=_OPENAI_PAGE,
        url=f"{_OPENAI}/{sha256}/{file_name}",
        licence="MIT",
        sha256=sha256,
        quick_gelu=True,
    )


def _from_hub(
    name: str,
    title: str,
    architecture: str,
    repository: str,
    path: str,
    quick_gelu: Optional[bool] = None,
    licence: Optional[str] = None,
) -> ModelEntry:
    page = f"{_HUB}/{repository}"
    return ModelEntry(
        name=name,
        title=title,
        kind=CLIP,
        architecture=architecture,
        file_name=path.rpartition("/")[2],
        page=page,
        url=f"{page}/resolve/main/{path}",
        licence=licence,
        quick_gelu=quick_gelu,
    )


def _laion(name: str, title: str, architecture: str, repository: str) -> ModelEntry:
    return _from_hub(name, title, architecture, f"laion/{repository}", "open_clip_model.safetensors", False, "MIT")


# In the order in which "the best installed one" is looked for: the paper's own first.
REGISTRY: Tuple[ModelEntry, ...] = (
    _openai(
        "openai-vit-b-16",
        "OpenAI CLIP ViT-B/16",
        "ViT-B-16-quickgelu",
        "ViT-B-16.pt",
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",  # pragma: allowlist secret - a public hash
    ),
    _openai(
        "openai-vit-l-14",
        "OpenAI CLIP ViT-L/14",
        "ViT-L-14-quickgelu",
        "ViT-L-14.pt",
        "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",  # pragma: allowlist secret - a public hash
    ),
    _laion("laion2b-vit-b-16", "LAION-2B CLIP ViT-B/16", "ViT-B-16", "CLIP-ViT-B-16-laion2B-s34B-b88K"),
    _laion("laion2b-vit-l-14", "LAION-2B CLIP ViT-L/14", "ViT-L-14", "CLIP-ViT-L-14-laion2B-s32B-b82K"),
    _from_hub("georsclip-vit-l-14", "GeoRSCLIP ViT-L/14", "ViT-L-14", "Zilun/GeoRSCLIP", "ckpt/RS5M_ViT-L-14.pt"),
    _from_hub(
        "remoteclip-vit-l-14",
        "RemoteCLIP ViT-L/14",
        "ViT-L-14",
        "chendelong/RemoteCLIP",
        "RemoteCLIP-ViT-L-14.pt",
        False,
    ),
    _openai(
        "openai-vit-b-32",
        "OpenAI CLIP ViT-B/32",
        "ViT-B-32-quickgelu",
        "ViT-B-32.pt",
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",  # pragma: allowlist secret - a public hash
    ),
    _from_hub("georsclip-vit-b-32", "GeoRSCLIP ViT-B/32", "ViT-B-32", "Zilun/GeoRSCLIP", "ckpt/RS5M_ViT-B-32.pt"),
    _from_hub(
        "remoteclip-vit-b-32",
        "RemoteCLIP ViT-B/32",
        "ViT-B-32",
        "chendelong/RemoteCLIP",
        "RemoteCLIP-ViT-B-32.pt",
        False,
    ),
    _laion("laion2b-vit-b-32", "LAION-2B CLIP ViT-B/32", "ViT-B-32", "CLIP-ViT-B-32-laion2B-s34B-b79K"),
    ModelEntry(
        name="simfeatup-jbu-one",
        title="SimFeatUp upsampler (JBU one)",
        kind=UPSAMPLER,
        architecture="jbu-one",
        file_name="xclip_jbu_one_million_aid.ckpt",
        page="https://github.com/likyoo/SegEarth-OV",
    ),
    ModelEntry(
        name="featup-jbu-stack",
        title="FeatUp upsampler for CLIP (JBU stack)",
        kind=UPSAMPLER,
        architecture="jbu-stack",
        file_name="clip_jbu_stack_cocostuff.ckpt",
        page="https://github.com/mhamilton723/FeatUp",
        url="https://marhamilresearch4.blob.core.windows.net/feature-upsampling-public/pretrained/"
        "clip_jbu_stack_cocostuff.ckpt",
        licence="MIT",
    ),
)


def entry_named(name: str) -> Optional[ModelEntry]:
    """The known checkpoint of a name, upper and lower case alike; None when there is none."""
    return next((entry for entry in REGISTRY if entry.name == name.strip().lower()), None)


def entry_of_hash(sha256: str) -> Optional[ModelEntry]:
    """The known checkpoint whose file has a hash; None when there is none."""
    return next((entry for entry in REGISTRY if entry.sha256 == sha256.lower()), None)


def entry_of_file_name(file_name: str) -> Optional[ModelEntry]:
    """The known checkpoint whose file has a name that no other one's has; None when there is none."""
    found = [entry for entry in REGISTRY if entry.file_name.lower() == file_name.lower()]
    return found[0] if len(found) == 1 else None
