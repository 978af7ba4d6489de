# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a scene holds reflectance or radiance, by what its file's metadata say."""

from __future__ import annotations

from ..rasters.metadata import RasterMetadata

_RADIANCE_UNITS = ("w/(m", "w/m", "w m-2", "w/cm", "w m^-2", "w.m-2", "wm-2", "w*m")
_TELLING_ENTRIES = ("data units", "description", "product", "data type name")  # of ENVI metadata and headers


def describe_quantity(metadata: RasterMetadata) -> str:
    """Physical quantity by the file's metadata.

    Args:
        metadata: What the file says of itself.

    Returns:
        "reflectance", "radiance", or "unknown" when it does not say, or says both.
    """
    texts = [metadata.unit, *metadata.items.values()]
    keys = list(metadata.items)
    for entries in (metadata.envi, *(header.entries for header in metadata.headers)):
        keys += list(entries)
        texts += [entries.get(name, "") for name in _TELLING_ENTRIES]
    text = " ".join(texts).lower()
    says_reflectance = "reflectance" in text or any("reflectance" in key.lower() for key in keys)
    says_radiance = "radiance" in text.replace("irradiance", "") or any(unit in text for unit in _RADIANCE_UNITS)
    if says_reflectance == says_radiance:
        return "unknown"
    return "reflectance" if says_reflectance else "radiance"
