# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that point beside a raster GDAL reads as it is: an ENVI header, or a folder with one flight line's image."""

from __future__ import annotations

import re
from typing import Optional

from ..errors import InputError
from .candidate import Candidate, base_name, first_bytes

_RAW_ENDINGS = ("", ".img", ".dat", ".bsq", ".bil", ".bip", ".raw", ".bin")
_ENVI = b"ENVI"
_FLIGHT = r"(ang|AV[35])\w*?(_rfl|_corr|_rdn|_RDN|_RFL)\w*?(_img|_ORT)?(\.dat|\.img)?"


def redirect(candidate: Candidate) -> Optional[str]:
    """The raster that a text means; None where it means what it says.

    Args:
        candidate: Where the text points.

    Raises:
        InputError: There is no raster beside the header, or several images are in the folder.
    """
    if not candidate.is_folder and candidate.path.lower().endswith(".hdr"):
        return _beside_header(candidate) if first_bytes(candidate.path, 4) == _ENVI else None
    return _flight_line(candidate) if candidate.is_folder else None


def _beside_header(candidate: Candidate) -> str:
    stem = candidate.path[: -len(".hdr")]
    names = {path.lower(): path for path in candidate.files}
    for ending in _RAW_ENDINGS:
        found = names.get((stem + ending).lower())
        if found is not None and found != candidate.path:
            return found
    raise InputError(
        f"{candidate.text} is a header, and there is no raster {base_name(stem)} beside it.",
        "Keep the raster and its header together, under the same name.",
    )


def _flight_line(candidate: Candidate) -> Optional[str]:
    """The image of an AVIRIS-NG, -3 or -5 flight line; reflectance before radiance."""
    headers = {path[: -len(".hdr")].lower() for path in candidate.files if path.lower().endswith(".hdr")}
    found = [path for path, _ in candidate.matching(_FLIGHT) if path.lower() in headers]
    found = [path for path in found if not re.search(r"_(igm|glt|obs|loc|h2o|mask)\w*$", path, re.IGNORECASE)]
    best = [path for path in found if re.search(r"_(rfl|corr)", base_name(path), re.IGNORECASE)] or found
    if len(best) > 1:
        listed = ", ".join(base_name(path) for path in best[:3])
        raise InputError(f"{candidate.text} holds several images: {listed}.", "Give the one that you mean.")
    return best[0] if best else None
