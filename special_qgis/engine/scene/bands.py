# SPDX-License-Identifier: GPL-2.0-or-later
"""Which bands of a scene are used: the decision, apart from all reading.

Takes what the file and the user say of each band and what a look at the pixels showed, and gives the good bands in
ascending wavelength and a reason for every other band.
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Set, Tuple

import numpy as np

from ..errors import SpectraError
from .spectra import OPTICAL_RANGE_NM, WATER_VAPOUR_NM, FloatArray, SpectralAxis, format_band_numbers
from .wavelengths import BandSpectra

LISTED_BAD = "listed as bad by the file"
USER_BAD = "listed as bad by the user"
WATER_VAPOUR = "in a water-vapour window"
NO_DATA = "no data"
CONSTANT = "one value everywhere"
REPEATED = "repeating wavelengths of the detector before"

_MOST_TWINS = 8  # wavelengths that several bands share, named in a message

Dropped = Dict[int, str]  # reason by band index in the file's order


def clean_centres(centres_nm: FloatArray, band_numbers: Sequence[int]) -> FloatArray:
    """Band centres with NaN in place of 0 and negative ones, which stand for "none" in several products.

    Raises:
        SpectraError: A centre is outside the optical range, so the unit or the list is wrong.
    """
    centres = np.where(centres_nm > 0, centres_nm, np.nan)
    strange = np.flatnonzero((centres < OPTICAL_RANGE_NM[0]) | (centres > OPTICAL_RANGE_NM[1]))
    if strange.size:
        band = int(strange[0])
        raise SpectraError(
            f"Band {band_numbers[band]} would have its centre at {centres[band]:g} nm; 200 to 20 000 nm is accepted.",
            "Correct the wavelengths or their unit in the file's metadata, or type them with their unit.",
        )
    return centres


def drop_before_reading(
    centres_nm: FloatArray, bad_list: FloatArray, user_bad: Set[int], drop_water_vapour: bool
) -> Dropped:
    """Bands that metadata and options leave out.

    Args:
        centres_nm: (n,) float64, nm, in the file's order; NaN = none.
        bad_list: (n,) float64, the file's bad-band list; 0 = bad.
        user_bad: Indices that the user lists.
        drop_water_vapour: Whether to leave out the water-vapour windows.
    """
    dropped: Dropped = dict.fromkeys((int(i) for i in np.flatnonzero(bad_list == 0)), LISTED_BAD)
    for band in sorted(user_bad):
        dropped.setdefault(band, USER_BAD)
    if drop_water_vapour:
        for low, high in WATER_VAPOUR_NM:
            for band in np.flatnonzero((centres_nm >= low) & (centres_nm <= high)):
                dropped.setdefault(int(band), WATER_VAPOUR)
    return dropped


def order_good_bands(
    spectra: BandSpectra, band_numbers: Sequence[int], dropped: Dropped
) -> Tuple[List[int], SpectralAxis]:
    """The bands that are left, by wavelength.

    Returns:
        Their indices in the file's order, ascending in wavelength, and the axis that they form.

    Raises:
        SpectraError: Fewer than two are left, one has no wavelength, or two have the same.
    """
    kept = [band for band in range(len(band_numbers)) if band not in dropped]
    if len(kept) < 2:
        reasons = "; ".join(f"{reason}: {bands}" for reason, bands in group_dropped(dropped, band_numbers).items())
        raise SpectraError(
            f"{len(kept)} of the scene's {len(band_numbers)} bands can be used ({reasons}); at least 2 are needed.",
            "Correct the list of bad bands.",
        )
    nameless = [band_numbers[band] for band in kept if not np.isfinite(spectra.centres_nm[band])]
    if nameless:
        raise SpectraError(
            f"These bands have no wavelength in the {spectra.source}: {format_band_numbers(nameless)}.",
            "Type the wavelengths, or list these bands as bad.",
        )
    order = sorted(kept, key=lambda band: float(spectra.centres_nm[band]))
    centres = spectra.centres_nm[order]
    if np.any(np.diff(centres) == 0):
        raise _twins_error(spectra, band_numbers, order)
    fwhm = None if spectra.fwhm_nm is None else spectra.fwhm_nm[order]
    if fwhm is not None and not np.all(fwhm > 0):
        fwhm = None
    return order, SpectralAxis(centres, fwhm, spectra.source)


def drop_second_detector(spectra: BandSpectra, band_numbers: Sequence[int], dropped: Dropped) -> List[int]:
    """Leave out bands of a later detector that repeat wavelengths of an earlier one.

    A detector begins where wavelengths fall from one band of the file to the next; each has at least two bands.

    Args:
        spectra: Wavelengths in the file's order.
        band_numbers: Number of each band in the file.
        dropped: Reasons by band index; the repeated bands are added.

    Returns:
        Numbers of the bands added; empty where none repeats another, or where the file's order shows no detectors.
    """
    kept = [band for band in range(len(band_numbers)) if band not in dropped and np.isfinite(spectra.centres_nm[band])]
    centres = spectra.centres_nm[kept]
    begins = np.r_[0, np.flatnonzero(np.diff(centres) < 0) + 1, centres.size]
    if np.any(np.diff(centres) == 0) or np.min(np.diff(begins)) < 2:
        return []
    seen: Set[float] = set()
    repeated = []
    for band, centre in zip(kept, centres):
        if float(centre) in seen:
            dropped[band] = REPEATED
            repeated.append(band_numbers[band])
        seen.add(float(centre))
    return repeated


def _twins_error(spectra: BandSpectra, band_numbers: Sequence[int], order: Sequence[int]) -> SpectraError:
    """All bands that share a wavelength, and which of them to list as bad."""
    groups: Dict[float, List[int]] = {}
    for band in order:
        groups.setdefault(float(spectra.centres_nm[band]), []).append(band_numbers[band])
    shared = {centre: sorted(numbers) for centre, numbers in groups.items() if len(numbers) > 1}
    named = [
        f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]} have the same wavelength, {centre:g} nm"
        for centre, numbers in shared.items()
    ]
    rest = f"; and {len(named) - _MOST_TWINS} more" if len(named) > _MOST_TWINS else ""
    repeated = [number for numbers in shared.values() for number in numbers[1:]]
    return SpectraError(
        f"Bands {'; bands '.join(named[:_MOST_TWINS])}{rest} ({spectra.source}).",
        f"Correct the wavelengths, or list one of each as bad, such as: {format_band_numbers(repeated)}.",
    )


def group_dropped(dropped: Dropped, band_numbers: Sequence[int]) -> Dict[str, str]:
    """Band numbers by reason, as short texts."""
    groups: Dict[str, List[int]] = {}
    for band, reason in sorted(dropped.items()):
        groups.setdefault(reason, []).append(band_numbers[band])
    return {reason: format_band_numbers(numbers) for reason, numbers in groups.items()}
