# SPDX-License-Identifier: GPL-2.0-or-later
"""Wavelengths: the spectral axis of a scene, and how typed or stored text becomes one.

Takes text and numbers from a file's metadata or from the user and gives band centres in nm, which is the only unit
inside the engine; conversion happens in ``to_nm`` and nowhere else.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SpectraError

FloatArray = NDArray[np.float64]

WATER_VAPOUR_NM = ((1340.0, 1460.0), (1790.0, 1960.0), (2450.0, math.inf))  # the atmosphere is opaque there
OPTICAL_RANGE_NM = (200.0, 20_000.0)  # a band centre outside is a band number or has another unit

_NM_PER_UNIT: Dict[str, float] = {"nm": 1.0, "µm": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9, "Å": 0.1}
_UNIT_WORDS: Dict[str, str] = {
    "nm": "nm", "nanometer": "nm", "nanometers": "nm", "nanometre": "nm", "nanometres": "nm",
    "µm": "µm", "μm": "µm", "um": "µm", "micrometer": "µm", "micrometers": "µm", "micrometre": "µm",
    "micrometres": "µm", "micron": "µm", "microns": "µm",
    "mm": "mm", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm", "millimetres": "mm",
    "cm": "cm", "centimeter": "cm", "centimeters": "cm", "centimetre": "cm", "centimetres": "cm",
    "m": "m", "meter": "m", "meters": "m", "metre": "m", "metres": "m",
    "å": "Å", "angstrom": "Å", "angstroms": "Å",
}  # fmt: skip
_UNSTATED_UNITS = {"", "unknown", "index", "none", "n/a"}

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TYPED_TOKEN = re.compile(rf"({_NUMBER})\s*([^\W\d_]*)")
_DESCRIBED = re.compile(
    rf"(?:^|[^\w.])({_NUMBER})\s*(nanomet(?:er|re)s?|micromet(?:er|re)s?|microns?|nm|um|µm|μm)(?![^\W\d_])",
    re.IGNORECASE,
)
_BARE = re.compile(rf"^[Xx]?({_NUMBER})(?:\s*\(\1\))?$")
_RANGE = re.compile(rf"^({_NUMBER})\s*(nm|um|µm|μm)?\s*[-–]\s*({_NUMBER})\s*(nm|um|µm|μm)?$", re.IGNORECASE)


@dataclass(frozen=True)
class SpectralAxis:
    """Band centres of a scene's good bands, ascending."""

    centres_nm: FloatArray  # (n,) float64, ascending
    fwhm_nm: Optional[FloatArray] = None  # (n,) float64, full width at half maximum; None = not known
    source: str = ""  # where the wavelengths came from, in words

    def __post_init__(self) -> None:
        centres = np.asarray(self.centres_nm, dtype=np.float64)
        if centres.ndim != 1 or centres.size == 0 or not np.all(np.isfinite(centres)) or np.any(np.diff(centres) <= 0):
            raise SpectraError("A spectral axis needs finite band centres that increase from band to band.")
        object.__setattr__(self, "centres_nm", centres)
        if self.fwhm_nm is not None:
            fwhm = np.asarray(self.fwhm_nm, dtype=np.float64)
            if fwhm.shape != centres.shape:
                raise SpectraError(f"{fwhm.size} band widths do not fit {centres.size} band centres.")
            object.__setattr__(self, "fwhm_nm", fwhm)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.centres_nm.size)

    @property
    def median_spacing_nm(self) -> float:
        """Median distance of neighbouring band centres; infinite for a single band."""
        return float(np.median(np.diff(self.centres_nm))) if self.n_bands > 1 else math.inf

    def nearest(self, nm: float) -> int:
        """Index of the band whose centre is nearest; the lower one of a tie."""
        return int(np.argmin(np.abs(self.centres_nm - nm)))

    def covers(self, nm: float, tolerance_nm: float) -> bool:
        """Whether some band centre is within the tolerance."""
        return bool(np.min(np.abs(self.centres_nm - nm)) <= tolerance_nm)

    def within(self, nm: float, half_width_nm: float) -> NDArray[np.intp]:
        """Indices of the bands whose centres are within the half width."""
        return np.flatnonzero(np.abs(self.centres_nm - nm) <= half_width_nm)


def interpolation_weights(axis: SpectralAxis, nm: float) -> Tuple[int, int, float, float]:
    """Bands and weights that give the value at a wavelength by linear interpolation.

    A wavelength up to one band width beyond the first or last band takes that band alone. Inside the range, the two
    neighbours must not be further apart than 150 nm, so that a gap in the spectrum is never bridged.

    Args:
        axis: Good bands of the scene.
        nm: Wavelength wanted.

    Returns:
        Indices of the lower and upper band and their weights, which sum to 1.

    Raises:
        SpectraError: The bands do not cover the wavelength.
    """
    centres = axis.centres_nm
    upper = int(np.searchsorted(centres, nm))
    if upper < axis.n_bands and centres[upper] == nm:
        return upper, upper, 1.0, 0.0
    if upper in (0, axis.n_bands):
        edge = min(upper, axis.n_bands - 1)
        if abs(centres[edge] - nm) <= _edge_reach_nm(axis, edge):
            return edge, edge, 1.0, 0.0
    elif centres[upper] - centres[upper - 1] <= _WIDEST_GAP_NM:
        weight = float((nm - centres[upper - 1]) / (centres[upper] - centres[upper - 1]))
        return upper - 1, upper, 1.0 - weight, weight
    nearest = centres[axis.nearest(nm)]
    raise SpectraError(
        f"The scene has no band at {nm:g} nm; its nearest good band is at {nearest:g} nm, and its {axis.n_bands} good "
        f"bands span {centres[0]:g} to {centres[-1]:g} nm.",
        "Choose wavelengths that the scene covers, or correct its wavelengths or list of bad bands.",
    )


_WIDEST_GAP_NM = 150.0  # Sentinel-2's visible bands lie up to 105 nm apart


def _edge_reach_nm(axis: SpectralAxis, edge: int) -> float:
    spacing = min(axis.median_spacing_nm, 50.0)
    return max(spacing, float(axis.fwhm_nm[edge]) / 2 if axis.fwhm_nm is not None else 0.0)


_BAND_DIGITS = 18  # of a number that can be a band's
_RANGE_CHARS = 100  # of a range of bands; longer text is none
_DESCRIPTION_CHARS = 300  # of a band's description that are looked at


def unit_of(word: str) -> str:
    """Unit sign of a unit word such as "Nanometers"; "" when the word states none.

    Raises:
        SpectraError: The unit is none of length.
    """
    key = word.strip().strip("[]().").lower()
    if key in _UNSTATED_UNITS:
        return ""
    if key not in _UNIT_WORDS:
        raise SpectraError(
            f"The wavelength unit {word.strip()[:40]!r} is not known; nanometres and micrometres are.",
            "Type the wavelengths in nm, or correct the unit in the file's metadata.",
        )
    return _UNIT_WORDS[key]


def guess_unit(values: Sequence[float] | FloatArray) -> str:
    """Unit of wavelengths that state none: µm when the largest is below 100, else nm. Callers must warn."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    return "µm" if finite.size and float(finite.max()) < 100.0 else "nm"


def guess_warning(unit: str) -> str:
    """Warning for the user when a unit was guessed."""
    return f"The wavelengths state no unit; {unit} was taken from their size. State the unit if that is wrong."


def to_nm(values: Sequence[float] | FloatArray, unit: str) -> FloatArray:
    """Convert lengths to nm.

    Args:
        values: (n,) numbers in ``unit``; NaN stays NaN.
        unit: A unit word; "" is not accepted, see ``guess_unit``.

    Returns:
        (n,) float64, nm.

    Raises:
        SpectraError: The unit is not known.
    """
    sign = unit_of(unit)
    if not sign:
        raise SpectraError("The wavelengths have no unit.", "State nm or µm.")
    with np.errstate(over="ignore"):  # junk may be infinite afterwards, which no range accepts
        return np.asarray(values, dtype=np.float64) * _NM_PER_UNIT[sign]


def parse_wavelengths(text: str) -> Tuple[FloatArray, str]:
    """Read band centres that the user typed, such as "418, 424.5, 429 nm" or "0.42um 0.43um".

    A unit may follow every number, or the last one only; with none at all it is guessed.

    Args:
        text: Numbers separated by commas, semicolons or white space, with or without unit.

    Returns:
        (n,) float64, nm, in the order typed, and a warning, "" when nothing was guessed.

    Raises:
        SpectraError: Not numbers, or a unit that is not known.
    """
    body = re.sub(r"[{}\[\]()]", " ", text)
    tokens = _TYPED_TOKEN.findall(body)
    rest = re.sub(r"[\s,;]+", "", _TYPED_TOKEN.sub("", body))
    if not tokens or rest:
        raise SpectraError(
            f"The wavelengths typed cannot be read near {(rest or text)[:30]!r}.",
            "Type one number a band, separated by commas, such as: 418.2, 423.9, 429.3 nm.",
        )
    values = np.array([float(number) for number, _ in tokens])
    words = [word for _, word in tokens]
    warning = ""
    if all(words):
        values = np.array([to_nm([value], word)[0] for value, word in zip(values, words)])
    elif any(words[:-1]):
        raise SpectraError(
            "Some of the wavelengths typed have a unit and others have none.",
            "Write the unit after every number, or once after the last.",
        )
    else:
        unit = unit_of(words[-1])
        warning = "" if unit else guess_warning(guess_unit(values))
        values = to_nm(values, unit or guess_unit(values))
    return values, warning


def parse_band_description(text: str) -> Optional[Tuple[float, str]]:
    """Find a wavelength in a band's description, such as "band 1 (418.24 Nanometers)" or "B8A, 865 nm".

    A bare number counts only when it is the whole description and cannot be a band number: it has decimals, or is
    at least 300.

    Args:
        text: Description of one band.

    Returns:
        The number and its unit word ("" for a bare number), or None when there is no wavelength.
    """
    text = text[:_DESCRIPTION_CHARS]
    found = _DESCRIBED.search(text)
    if found:
        value = float(found.group(1))
        return (value, found.group(2)) if math.isfinite(value) else None
    bare = _BARE.match(text.strip())
    if bare and ("." in bare.group(1) or float(bare.group(1)) >= 300.0):
        value = float(bare.group(1))
        return (value, "") if 0.2 <= value <= OPTICAL_RANGE_NM[1] else None
    return None


def parse_band_list(text: str, n_bands: int, centres_nm: Optional[FloatArray] = None) -> Set[int]:
    """Read a list of bands such as "1-5, 100, 1340-1460nm".

    A number without unit is a band number, counted from 1 as GDAL and QGIS do; a range with a unit is one of
    wavelengths and selects the bands whose centres are inside.

    Args:
        text: Numbers and ranges separated by commas, semicolons or line ends; "" selects nothing.
        n_bands: Number of bands in the file.
        centres_nm: (n_bands,) float64, nm, in the file's order; NaN = not known. None = none is known.

    Returns:
        Indices, counted from 0, of the bands selected.

    Raises:
        SpectraError: Not a number or range, or a band that the file does not have.
    """
    selected: Set[int] = set()
    for part in filter(None, (piece.strip() for piece in re.split(r"[,;\n]", text))):
        if part.isdecimal() and part.isascii() and len(part) <= _BAND_DIGITS:
            selected |= _numbered(part, int(part), int(part), n_bands)
            continue
        found = _RANGE.match(part) if len(part) <= _RANGE_CHARS else None
        if not found:
            raise _band_list_error(part)
        low, high = float(found.group(1)), float(found.group(3))
        unit = found.group(4) or found.group(2)
        if unit:
            factor = _NM_PER_UNIT[unit_of(unit)]
            selected |= _in_range(part, low * factor, high * factor, centres_nm)
        elif low.is_integer() and high.is_integer():
            selected |= _numbered(part, int(low), int(high), n_bands)
        else:
            raise _band_list_error(part)
    return selected


def _band_list_error(part: str) -> SpectraError:
    return SpectraError(
        f"The list of bands has {part[:40]!r}, which is neither a band number nor a range.",
        "Write band numbers and ranges separated by commas, such as: 1-5, 100, 1340-1460nm.",
    )


def _numbered(part: str, low: int, high: int, n_bands: int) -> Set[int]:
    if not 1 <= low <= high <= n_bands:
        raise SpectraError(
            f"The list of bands has {part[:40]!r}, but the scene's bands are numbered 1 to {n_bands}.",
            "Write wavelengths with their unit, such as 1340-1460nm, and ranges from low to high.",
        )
    return set(range(low - 1, high))


def _in_range(part: str, low_nm: float, high_nm: float, centres_nm: Optional[FloatArray]) -> Set[int]:
    if centres_nm is None:
        raise SpectraError(
            f"The list of bands has {part[:40]!r}, but no wavelengths are known yet.", "Use band numbers."
        )
    if low_nm > high_nm:
        raise SpectraError(
            f"The list of bands has {part[:40]!r}, which runs backwards.", "Write ranges from low to high."
        )
    return {int(index) for index in np.flatnonzero((centres_nm >= low_nm) & (centres_nm <= high_nm))}


def format_band_numbers(numbers: Sequence[int]) -> str:
    """Band numbers as a short text, runs joined: "1-5, 100"."""
    runs: List[List[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)


def axis_to_json(axis: SpectralAxis) -> Dict[str, Any]:
    """Source, range, spacing and width of an axis as plain values."""
    return {
        "source": axis.source,
        "first_nm": round(float(axis.centres_nm[0]), 3),
        "last_nm": round(float(axis.centres_nm[-1]), 3),
        "median_spacing_nm": round(axis.median_spacing_nm, 3) if axis.n_bands > 1 else None,
        "median_fwhm_nm": None if axis.fwhm_nm is None else round(float(np.median(axis.fwhm_nm)), 3),
    }
