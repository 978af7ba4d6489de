# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a scene's wavelengths come from: every place in a file's metadata, what the user typed, or a sensor's table.

Takes a file's metadata and gives one band centre per band in the file's order, NaN where a band has none. Sources are
read in a fixed order and the first that knows any wavelength is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Callable, Iterator, List, Optional, Tuple

import numpy as np

from ..errors import SpectraError
from ..progress import NullProgress, Progress
from ..rasters.metadata import Items, RasterMetadata
from .number_lists import NumberList, describe_count, parse_number, parse_number_list
from .sensors import sensor_table
from .spectra import FloatArray, guess_unit, guess_warning, parse_band_description, parse_wavelengths, to_nm, unit_of
from .wavelength_items import fit, from_band_items, from_lists, from_numbered_descriptions, misfits

_IMAGERY_ROUNDING_NM = 0.501  # GDAL writes µm with three decimals


@dataclass(frozen=True)
class BandSpectra:
    """Wavelengths of the bands in the file's order."""

    centres_nm: FloatArray  # (n,) float64; NaN = the band has none
    source: str  # where they came from, in words
    fwhm_nm: Optional[FloatArray] = None  # (n,) float64; NaN = not known


def read_band_spectra(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], typed: str, sensor: str, progress: Progress
) -> BandSpectra:
    """Wavelengths of a scene.

    What the user typed wins over the file, the file over a sensor's table.

    Args:
        metadata: What the file says of itself.
        band_numbers: Its spectral bands, counted from 1.
        typed: Wavelengths as the user typed them, or "".
        sensor: Key of a sensor, or "".
        progress: Receives warnings of guesses, and infos of what was overruled.

    Raises:
        SpectraError: There are none anywhere, or their number does not fit the bands.
    """
    if typed.strip():
        return _typed_spectra(metadata, band_numbers, typed, progress)
    found = read_file_spectra(metadata, band_numbers, progress)
    if found is not None:
        if sensor:
            progress.info(f"The file has wavelengths ({found.source}); the table of sensor {sensor!r} was not used.")
        return found
    if sensor:
        table = sensor_table(sensor, len(band_numbers))
        progress.warn(f"Wavelengths are the nominal ones of {table.label}; the scene's own may differ by some nm.")
        return BandSpectra(table.centres_nm, f"nominal table of {table.label}", table.fwhm_nm)
    others = misfits(metadata, band_numbers)
    raise SpectraError(
        f"The file states no wavelengths for its {len(band_numbers)} bands: none in the IMAGERY or ENVI metadata, the "
        "bands' tags and descriptions, metadata items that end in wavelength, or a .hdr file beside it."
        + (f" Of another number: {'; '.join(others[:3])}." if others else ""),
        "Type the wavelengths, or name the sensor.",
    )


def read_file_spectra(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    """Wavelengths from the first place in the file's metadata that has any; None when no place has.

    Args:
        metadata: What the file says of itself.
        band_numbers: Its spectral bands, counted from 1.
        progress: Receives warnings of guesses.

    Raises:
        SpectraError: A place holds another number of wavelengths than there are bands, or something unreadable.
    """
    sources: Tuple[_Source, ...] = (_from_raw_header, *_SOURCES)
    for read_source in sources:
        found = read_source(metadata, band_numbers, progress)
        if found is not None:
            return found if found.fwhm_nm is not None else replace(found, fwhm_nm=_other_fwhm(metadata, band_numbers))
    return None


_CENTRE_KEYS = ("wavelength", "wavelengths", "center_wavelength", "central_wavelength", "centre_wavelength")
_UNIT_KEYS = ("wavelength_units", "wavelength_unit", "center_wavelength_unit", "central_wavelength_unit")
_FWHM_KEYS = ("fwhm", "bandwidth")
_FWHM_UNIT_KEYS = ("fwhm_units", "fwhm_unit", "bandwidth_unit", "bandwidth_units")
_LIST_KEYS = ("wavelength", "wavelengths")  # of ENVI metadata and headers


def _typed_spectra(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], typed: str, progress: Progress
) -> BandSpectra:
    centres, warning = parse_wavelengths(typed)
    if centres.size == 2 * len(band_numbers):  # perhaps of decimal commas
        centres, warning = _reread(typed, len(band_numbers)) or (centres, warning)
    if centres.size != len(band_numbers):
        raise SpectraError(
            f"{centres.size} wavelengths were typed for {len(band_numbers)} bands."
            + describe_count(centres.size, len(band_numbers)),
            "Type one wavelength for every band of the file, in the file's order.",
        )
    if warning:
        progress.warn(warning)
    if _file_has_spectra(metadata, band_numbers, progress):
        progress.info("The wavelengths typed were used in place of the file's own.")
    return BandSpectra(centres, "typed by the user")


def _reread(typed: str, n_bands: int) -> Optional[Tuple[FloatArray, str]]:
    """What was typed with commas inside numbers as decimal marks; None where that gives another number of them."""
    centres, warning = parse_wavelengths(re.sub(r"(?<=\d),(?=\d)", ".", typed))
    return (centres, warning) if centres.size == n_bands else None


def _file_has_spectra(metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress) -> bool:
    try:
        return read_file_spectra(metadata, band_numbers, NullProgress()) is not None
    except SpectraError as error:
        progress.info(f"The file's own wavelengths cannot be used: {error.message}")
        return True


def _from_raw_header(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    """A raw file's own header, where GDAL misreads it.

    GDAL spreads the list over the bands and drops what is left over, which must be an error; a list with decimal commas
    it tears apart.
    """
    if metadata.driver != "ENVI":
        return None
    name = _list_key(metadata.envi)
    found = _from_entries(metadata.envi, "ENVI header", metadata, band_numbers, NullProgress())
    if found is None or not _numbers(metadata.envi, name, metadata, band_numbers).has_decimal_commas:
        return None
    return _from_entries(metadata.envi, "ENVI header", metadata, band_numbers, progress)


def _from_imagery(metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    """GDAL 3.10 and later: domain IMAGERY of every band, always in µm.

    GDAL fills it from a raw file's header and rounds to whole nm, so tags that agree so far are taken for their digits.
    """
    domains = [metadata.imagery[number - 1] for number in band_numbers]
    centres = np.array([parse_number(domain.get("CENTRAL_WAVELENGTH_UM", ""))[0] for domain in domains])
    if not np.any(np.isfinite(centres)):
        return None
    centres = to_nm(centres, "µm")
    tags = _from_band_tags(metadata, band_numbers, NullProgress())
    if tags is not None and np.all(np.abs(tags.centres_nm - centres) <= _IMAGERY_ROUNDING_NM):
        return tags
    fwhm = np.array([parse_number(domain.get("FWHM_UM", ""))[0] for domain in domains])
    return BandSpectra(
        centres, "IMAGERY metadata of the bands", to_nm(fwhm, "µm") if np.any(np.isfinite(fwhm)) else None
    )


def _from_band_tags(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    numbers = [parse_number(_band_item(metadata, number, _CENTRE_KEYS)) for number in band_numbers]
    centres = np.array([value for value, _ in numbers])
    if not np.any(np.isfinite(centres)):
        return None
    stated = [_band_item(metadata, number, _UNIT_KEYS) for number in band_numbers]
    unit = _one_unit(stated) or _one_unit([word for _, word in numbers])
    return BandSpectra(
        _convert(centres, unit, progress),
        "wavelength tags of the bands",
        _tagged_fwhm(metadata, band_numbers, unit or guess_unit(centres)),
    )


def _tagged_fwhm(metadata: RasterMetadata, band_numbers: Tuple[int, ...], centre_unit: str) -> Optional[FloatArray]:
    numbers = [parse_number(_band_item(metadata, number, _FWHM_KEYS)) for number in band_numbers]
    widths = np.array([value for value, _ in numbers])
    if not np.any(np.isfinite(widths)):
        return None
    words = [_band_item(metadata, number, _FWHM_UNIT_KEYS) for number in band_numbers]
    try:
        unit = _one_unit(words) or _one_unit([word for _, word in numbers])
    except SpectraError:  # widths are optional: they never cost the scene
        return None
    return to_nm(widths, unit or centre_unit)


def _from_envi_domain(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    return _from_entries(metadata.envi, "ENVI metadata", metadata, band_numbers, progress)


def _from_descriptions(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    found = [parse_band_description(metadata.descriptions[number - 1]) for number in band_numbers]
    if not any(found):
        return None
    centres = np.array([value[0] if value else np.nan for value in found])
    return BandSpectra(
        _convert(centres, _one_unit([value[1] if value else "" for value in found]), progress),
        "descriptions of the bands",
    )


def _from_sidecar(metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    for header in metadata.headers:
        if not header.fits((metadata.n_bands, len(band_numbers))):
            progress.info(
                f"The header {header.name} describes {header.entries['bands']} bands and the file has "
                f"{metadata.n_bands}; its wavelengths, widths and bad bands were not used."
            )
            continue
        found = _from_entries(header.entries, f"header {header.name}", metadata, band_numbers, progress)
        if found is not None:
            return found
    return None


def _from_any_item(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    found = from_band_items(metadata, band_numbers) or from_lists(metadata, band_numbers)
    if found is None:
        return None
    if found.is_guessed:
        progress.warn(guess_warning(found.unit))
    return BandSpectra(found.centres_nm, found.place)


def _from_numbers_in_descriptions(
    metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    found = from_numbered_descriptions(metadata, band_numbers)
    if found is None:
        return None
    example = metadata.descriptions[band_numbers[0] - 1]
    progress.warn(f"The bands' descriptions, such as {example!r}, were taken for wavelengths in nm.")
    return BandSpectra(found.centres_nm, found.place)


_Source = Callable[[RasterMetadata, Tuple[int, ...], Progress], Optional[BandSpectra]]
_SOURCES: Tuple[_Source, ...] = (
    _from_imagery,
    _from_band_tags,
    _from_envi_domain,
    _from_descriptions,
    _from_sidecar,
    _from_any_item,
    _from_numbers_in_descriptions,
)


def _from_entries(
    entries: Items, place: str, metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    name = _list_key(entries)
    if not name:
        return None
    numbers = _numbers(entries, name, metadata, band_numbers)
    centres = fit(numbers.values, metadata.n_bands, band_numbers)
    if centres is None:
        raise SpectraError(
            f"The {place} holds {numbers.values.size} wavelengths, but the file has {metadata.n_bands} bands."
            + describe_count(numbers.values.size, metadata.n_bands),
            "Correct the metadata, type the wavelengths, or name the sensor.",
        )
    unit = unit_of(entries.get("wavelength units", "")) or numbers.unit
    widths = _widths(entries.get("fwhm", ""), metadata, band_numbers, progress)
    fwhm = None if widths is None else to_nm(widths.values, widths.unit or unit or guess_unit(centres))
    return BandSpectra(_convert(centres, unit, progress), place, fwhm)


def _list_key(entries: Items) -> str:
    return next((key for key in _LIST_KEYS if key in entries), "")


def _numbers(entries: Items, name: str, metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> NumberList:
    return parse_number_list(entries[name], name, (metadata.n_bands, len(band_numbers)))


def _widths(
    text: str, metadata: RasterMetadata, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[NumberList]:
    """Band widths of a list; None where it does not fit or cannot be read, with a warning, for they are optional."""
    try:
        numbers = parse_number_list(text, "fwhm", (metadata.n_bands, len(band_numbers)))
    except SpectraError as error:
        progress.warn(f"The band widths were passed over: {error.message}")
        return None
    fitting = fit(numbers.values, metadata.n_bands, band_numbers)
    return None if fitting is None else replace(numbers, values=fitting)


def _other_fwhm(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Optional[FloatArray]:
    """Band widths from another place than the wavelengths."""
    for entries, _ in list_entries(metadata, band_numbers):
        widths = _widths(entries.get("fwhm", ""), metadata, band_numbers, NullProgress())
        if widths is not None:
            return _widths_in_nm(widths, entries.get("wavelength units", ""))
    for name in sorted(name for name in metadata.items if name.lower().endswith("fwhm")):
        widths = _widths(metadata.items[name], metadata, band_numbers, NullProgress())
        if widths is not None:
            return _widths_in_nm(widths, "")
    return None


def _widths_in_nm(widths: NumberList, stated: str) -> Optional[FloatArray]:
    """Band widths in nm, the unit taken from their size where none is known; None where none is a number."""
    if not np.any(np.isfinite(widths.values)):
        return None
    try:
        unit = unit_of(stated)
    except SpectraError:
        unit = ""
    return to_nm(widths.values, widths.unit or unit or ("µm" if np.nanmax(widths.values) < 1.0 else "nm"))


def list_entries(metadata: RasterMetadata, band_numbers: Tuple[int, ...]) -> Iterator[Tuple[Items, str]]:
    """Places that hold lists for the bands, each in words: the ENVI metadata, and headers of as many bands.

    Args:
        metadata: What the file says of itself.
        band_numbers: Its spectral bands, counted from 1.
    """
    yield metadata.envi, "the ENVI metadata"
    for header in metadata.headers:
        if header.fits((metadata.n_bands, len(band_numbers))):
            yield header.entries, f"header {header.name}"


def _band_item(metadata: RasterMetadata, band_number: int, keys: Tuple[str, ...]) -> str:
    """First of several metadata items that a band has; names in any case."""
    items = metadata.bands[band_number - 1]
    return next((items[key] for key in keys if key in items), "")


def _one_unit(words: List[str]) -> str:
    """The unit that the bands share; "" when none states one."""
    units = {unit_of(word) for word in words} - {""}
    if len(units) > 1:
        raise SpectraError(
            f"The bands state different wavelength units: {', '.join(sorted(units))}.",
            "Correct the metadata, or type the wavelengths.",
        )
    return units.pop() if units else ""


def _convert(values: FloatArray, unit: str, progress: Progress) -> FloatArray:
    if not unit:
        unit = guess_unit(values)
        progress.warn(guess_warning(unit))
    return to_nm(values, unit)
