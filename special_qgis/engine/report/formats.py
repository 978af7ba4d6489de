# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers as readers expect them in a report: grouped counts, percentages, areas in a fitting unit, durations."""

from __future__ import annotations

import math
from typing import Any, Iterable, List, Mapping, Optional, Tuple

import numpy as np

NONE_SIGN = "–"  # stands for a figure that cannot be computed
_SPACE = "\u00a0"  # not broken at a line's end; the narrow one is missing in fonts of QGIS's viewer
_AREA_UNITS = ((1e6, "km²"), (1e4, "ha"), (1.0, "m²"))
_PLAIN_WORDS = {
    "crs": "CRS",
    "gdal": "GDAL",
    "numpy": "NumPy",
    "fwhm": "FWHM",
    "gcps": "ground control points",
    "rpc": "RPC",
    "n": "number of",
    "cols": "columns",
    "dtype": "data type",
}


def is_missing(value: Optional[float]) -> bool:
    """Whether a figure is absent: None, NaN or infinite."""
    return value is None or not math.isfinite(value)


def format_count(count: int) -> str:
    """A whole number with its digits in groups of three."""
    return f"{count:,}".replace(",", _SPACE)


def format_share(share: Optional[float]) -> str:
    """A share of one as a percentage with three significant digits; the ends only when exact."""
    if share is None or is_missing(share):
        return NONE_SIGN
    if 0 < share < 0.0005:
        return f"<{_SPACE}0.1{_SPACE}%"
    if 0.9995 <= share < 1:
        return f">{_SPACE}99.9{_SPACE}%"
    return f"{100 * share:.1f}{_SPACE}%"


def format_number(value: Optional[float], digits: int = 2) -> str:
    """A figure with a fixed number of decimals."""
    return NONE_SIGN if value is None or is_missing(value) else f"{value:.{digits}f}"


def format_significant(value: float, digits: int = 4) -> str:
    """A figure of any size with a number of significant digits, without exponent where it can be read."""
    if not math.isfinite(value):
        return NONE_SIGN
    if value == 0 or 1e-4 <= abs(value) < 1e7:
        decimals = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{decimals}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace(",", _SPACE)
    return f"{value:.{digits}g}"


def area_unit(areas_m2: Iterable[Optional[float]]) -> Tuple[float, str]:
    """Unit in which all areas of one table are written: m² per unit, and its sign.

    Square kilometres from 100 km², hectares from 1 ha, else square metres, by the largest area.
    """
    largest = max((a for a in areas_m2 if a is not None and math.isfinite(a)), default=0.0)
    if largest >= 1e8:
        return _AREA_UNITS[0]
    return _AREA_UNITS[1] if largest >= 1e4 else _AREA_UNITS[2]


def format_area(area_m2: Optional[float], unit: Tuple[float, str]) -> str:
    """An area in a given unit, without the unit's sign."""
    if area_m2 is None or is_missing(area_m2):
        return NONE_SIGN
    value = area_m2 / unit[0]
    return f"{value:,.{0 if value >= 1000 else 1 if value >= 10 else 2}f}".replace(",", _SPACE)


def format_seconds(seconds: float) -> str:
    """A duration in seconds, minutes or hours, as fits."""
    if seconds < 60:
        return f"{seconds:.1f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_SPACE}h {minutes}{_SPACE}min" if hours else f"{minutes}{_SPACE}min {rest}{_SPACE}s"


def format_interval(interval: Optional[Tuple[float, float]]) -> str:
    """Two ends of a share's interval as percentages."""
    if interval is None:
        return NONE_SIGN
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}{_SPACE}%"


def flatten(values: Mapping[str, Any], prefix: str = "") -> List[Tuple[str, str]]:
    """Nested options as pairs of dotted key and text, in order.

    Lists become comma-separated text; empty text and None become a dash, so that a reader sees that nothing was given.
    """
    pairs: List[Tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            pairs.extend(flatten(value, f"{name}."))
        else:
            pairs.append((name, format_value(value)))
    return pairs


def key_in_words(key: str) -> str:
    """A key as a reader would write it: "dropped_bands" becomes "dropped bands", units stand in brackets."""
    words = key.replace(".", ": ").split("_")
    unit = ""
    if len(words) > 1 and words[-1] in ("nm", "m", "px", "m2", "bytes", "s"):
        unit = f" ({words.pop().replace('m2', 'm²')})"
    words = [_PLAIN_WORDS.get(word, word) for word in words]
    text = " ".join(words) + unit
    return text[:1].upper() + text[1:]


def format_value(value: Any) -> str:
    """A JSON value as text."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return format_significant(float(value), 6)
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {text}" for k, text in flatten(value)) or NONE_SIGN
    if isinstance(value, (list, tuple)):
        return ", ".join(format_value(v) for v in value) or NONE_SIGN
    return str(value) if value not in (None, "") else NONE_SIGN


def to_json_value(value: Any) -> Any:
    """The same value with only what JSON knows: NaN and infinities become None, keys become text, tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_value(item) for item in value]
    if isinstance(value, np.ndarray):
        return to_json_value(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)
