# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a scene's wavelengths come from: every place in a file's metadata, what the user typed, or a sensor's table.

Takes an open dataset and gives one band centre per band in the file's order, NaN where a band has none. Sources are
asked in a fixed order and the first that knows any wavelength is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from ..errors import SpectraError
from ..progress import NullProgress, Progress
from ..rasters.envi_header import parse_envi_header, parse_number_list
from ..rasters.opening import headers_beside
from ..rasters.whole_files import read_header_text
from .sensors import sensor_table
from .spectra import FloatArray, guess_unit, guess_warning, parse_band_description, parse_wavelengths, to_nm, unit_of

_IMAGERY_ROUNDING_NM = 0.501  # GDAL writes µm with three decimals


@dataclass(frozen=True)
class BandSpectra:
    """Wavelengths of the bands in the file's order."""

    centres_nm: FloatArray  # (n,) float64; NaN = the band has none
    source: str  # where they came from, in words
    fwhm_nm: Optional[FloatArray] = None  # (n,) float64; NaN = not known


def read_band_spectra(
    dataset: Any, band_numbers: Tuple[int, ...], typed: str, sensor: str, progress: Progress
) -> BandSpectra:
    """Wavelengths of a scene.

    What the user typed wins over the file, the file over a sensor's table.

    Args:
        dataset: Open gdal.Dataset.
        band_numbers: Its spectral bands, counted from 1.
        typed: Wavelengths as the user typed them, or "".
        sensor: Key of a sensor, or "".
        progress: Hears of guesses and of what was overruled.

    Raises:
        SpectraError: There are none anywhere, or their number does not fit the bands.
    """
    if typed.strip():
        return _typed_spectra(dataset, band_numbers, typed, progress)
    found = read_file_spectra(dataset, band_numbers, progress)
    if found is not None:
        if sensor:
            progress.info(f"The file has wavelengths ({found.source}); the table of sensor {sensor!r} was not used.")
        return found
    if sensor:
        table = sensor_table(sensor, len(band_numbers))
        progress.warn(f"Wavelengths are the nominal ones of {table.label}; the scene's own may differ by some nm.")
        return BandSpectra(table.centres_nm, f"nominal table of {table.label}", table.fwhm_nm)
    raise SpectraError(
        f"The file states no wavelengths for its {len(band_numbers)} bands: none in the IMAGERY or ENVI metadata, the "
        "bands' tags and descriptions, or a .hdr file beside it.",
        "Type the wavelengths, or name the sensor.",
    )


def read_file_spectra(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    """Wavelengths from the first place in the file's metadata that has any; None when no place has.

    Raises:
        SpectraError: A place holds another number of wavelengths than there are bands, or something unreadable.
    """
    _check_envi_list(dataset, band_numbers)
    for read_source in _SOURCES:
        found = read_source(dataset, band_numbers, progress)
        if found is not None:
            return found if found.fwhm_nm is not None else replace(found, fwhm_nm=_other_fwhm(dataset, band_numbers))
    return None


def read_bad_bands(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> FloatArray:
    """Bad-band list (``bbl``) of the file.

    Returns:
        (n,) float64: 0 = bad, else good; all 1 when the file has no list.
    """
    tags = [_band_item(dataset, number, ("bbl",)) for number in band_numbers]
    if any(tags):
        return np.array([_number_or_nan(tag) if tag else 1.0 for tag in tags])
    for entries, place in _envi_entries(dataset):
        if "bbl" in entries:
            values = parse_number_list(entries["bbl"], "bbl")
            kept = _fit(values, dataset, band_numbers)
            if kept is not None:
                return kept
            progress.warn(f"The bad-band list in {place} has {len(values)} entries and was passed over.")
    return np.ones(len(band_numbers))


def describe_quantity(dataset: Any) -> str:
    """Physical quantity by the file's metadata: "reflectance", "radiance", or "unknown" when it does not say."""
    texts = [dataset.GetRasterBand(1).GetUnitType() or "", *(dataset.GetMetadata() or {}).values()]
    keys = list(dataset.GetMetadata() or {})
    for entries, _ in _envi_entries(dataset):
        keys += list(entries)
        texts += [entries.get(name, "") for name in ("data units", "description", "product", "data type name")]
    text = " ".join(texts).lower()
    says_reflectance = "reflectance" in text or any("reflectance" in key.lower() for key in keys)
    says_radiance = "radiance" in text.replace("irradiance", "") or any(unit in text for unit in _RADIANCE_UNITS)
    if says_reflectance == says_radiance:
        return "unknown"
    return "reflectance" if says_reflectance else "radiance"


_RADIANCE_UNITS = ("w/(m", "w/m", "w m-2", "w/cm", "w m^-2", "w.m-2", "wm-2", "w*m")

_CENTRE_KEYS = ("wavelength", "wavelengths", "center_wavelength", "central_wavelength", "centre_wavelength")
_UNIT_KEYS = ("wavelength_units", "wavelength_unit", "center_wavelength_unit", "central_wavelength_unit")
_FWHM_KEYS = ("fwhm", "bandwidth")
_FWHM_UNIT_KEYS = ("fwhm_units", "fwhm_unit", "bandwidth_unit", "bandwidth_units")


def _typed_spectra(dataset: Any, band_numbers: Tuple[int, ...], typed: str, progress: Progress) -> BandSpectra:
    centres, warning = parse_wavelengths(typed)
    if centres.size != len(band_numbers):
        raise SpectraError(
            f"{centres.size} wavelengths were typed for {len(band_numbers)} bands.",
            "Type one wavelength for every band of the file, in the file's order.",
        )
    if warning:
        progress.warn(warning)
    if _file_has_spectra(dataset, band_numbers, progress):
        progress.info("The wavelengths typed were used in place of the file's own.")
    return BandSpectra(centres, "typed by the user")


def _file_has_spectra(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> bool:
    try:
        return read_file_spectra(dataset, band_numbers, progress) is not None
    except SpectraError as error:
        progress.info(f"The file's own wavelengths cannot be used: {error.message}")
        return True


def _from_imagery(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    """GDAL 3.10 and later: domain IMAGERY of every band, always in µm.

    GDAL fills it from a raw file's header and rounds to whole nm, so tags that agree so far are taken for their digits.
    """
    domains = [dataset.GetRasterBand(number).GetMetadata("IMAGERY") or {} for number in band_numbers]
    centres = np.array([_number_or_nan(domain.get("CENTRAL_WAVELENGTH_UM", "")) for domain in domains])
    if not np.any(np.isfinite(centres)):
        return None
    centres = to_nm(centres, "µm")
    tags = _from_band_tags(dataset, band_numbers, NullProgress())
    if tags is not None and np.all(np.abs(tags.centres_nm - centres) <= _IMAGERY_ROUNDING_NM):
        return tags
    fwhm = np.array([_number_or_nan(domain.get("FWHM_UM", "")) for domain in domains])
    return BandSpectra(
        centres, "IMAGERY metadata of the bands", to_nm(fwhm, "µm") if np.any(np.isfinite(fwhm)) else None
    )


def _from_band_tags(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    tags = [_band_item(dataset, number, _CENTRE_KEYS) for number in band_numbers]
    if not any(tags):
        return None
    units = [_band_item(dataset, number, _UNIT_KEYS) for number in band_numbers]
    centres = np.array([_number_or_nan(tag) for tag in tags])
    return BandSpectra(
        _convert(centres, _one_unit(units), progress),
        "wavelength tags of the bands",
        _tagged_fwhm(dataset, band_numbers, _one_unit(units) or guess_unit(centres)),
    )


def _check_envi_list(dataset: Any, band_numbers: Tuple[int, ...]) -> None:
    """GDAL spreads the list of a raw file's header over the bands and drops what is left over; that must be told."""
    if dataset.GetDriver().ShortName == "ENVI":
        _from_entries(_domain_entries(dataset), "ENVI header", dataset, band_numbers, NullProgress())


def _tagged_fwhm(dataset: Any, band_numbers: Tuple[int, ...], centre_unit: str) -> Optional[FloatArray]:
    widths = np.array([_number_or_nan(_band_item(dataset, number, _FWHM_KEYS)) for number in band_numbers])
    if not np.any(np.isfinite(widths)):
        return None
    unit = _one_unit([_band_item(dataset, number, _FWHM_UNIT_KEYS) for number in band_numbers])
    return to_nm(widths, unit or centre_unit)


def _from_envi_domain(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    return _from_entries(_domain_entries(dataset), "ENVI metadata", dataset, band_numbers, progress)


def _from_descriptions(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    texts = [dataset.GetRasterBand(number).GetDescription() or "" for number in band_numbers]
    found = [parse_band_description(text) for text in texts]
    if not any(found):
        return None
    centres = np.array([value[0] if value else np.nan for value in found])
    return BandSpectra(
        _convert(centres, _one_unit([value[1] if value else "" for value in found]), progress),
        "descriptions of the bands",
    )


def _from_sidecar(dataset: Any, band_numbers: Tuple[int, ...], progress: Progress) -> Optional[BandSpectra]:
    for header in headers_beside(dataset.GetDescription()):
        entries = parse_envi_header(read_header_text(header))
        found = _from_entries(entries, f"header {header.name}", dataset, band_numbers, progress)
        if found is not None:
            return found
    return None


_Source = Callable[[Any, Tuple[int, ...], Progress], Optional[BandSpectra]]
_SOURCES: Tuple[_Source, ...] = (_from_imagery, _from_band_tags, _from_envi_domain, _from_descriptions, _from_sidecar)


def _from_entries(
    entries: Dict[str, str], place: str, dataset: Any, band_numbers: Tuple[int, ...], progress: Progress
) -> Optional[BandSpectra]:
    if "wavelength" not in entries:
        return None
    values = parse_number_list(entries["wavelength"], "wavelength")
    centres = _fit(values, dataset, band_numbers)
    if centres is None:
        raise SpectraError(
            f"The {place} holds {len(values)} wavelengths, but the file has {dataset.RasterCount} bands.",
            "Correct the metadata, type the wavelengths, or name the sensor.",
        )
    unit = entries.get("wavelength units", "")
    fwhm = _fit(parse_number_list(entries.get("fwhm", ""), "fwhm"), dataset, band_numbers)
    if fwhm is not None:
        fwhm = to_nm(fwhm, unit_of(unit) or guess_unit(centres))
    return BandSpectra(_convert(centres, unit_of(unit), progress), place, fwhm)


def _other_fwhm(dataset: Any, band_numbers: Tuple[int, ...]) -> Optional[FloatArray]:
    """Band widths from another place than the wavelengths."""
    for entries, _ in _envi_entries(dataset):
        values = _fit(parse_number_list(entries.get("fwhm", ""), "fwhm"), dataset, band_numbers)
        if values is not None:
            unit = unit_of(entries.get("wavelength units", ""))
            return to_nm(values, unit or ("µm" if np.nanmax(values) < 1.0 else "nm"))
    return None


def _envi_entries(dataset: Any) -> List[Tuple[Dict[str, str], str]]:
    """ENVI entries of the dataset's own metadata and of the headers beside it, each with its place in words."""
    places = [(_domain_entries(dataset), "the ENVI metadata")]
    for header in headers_beside(dataset.GetDescription()):
        places.append((parse_envi_header(read_header_text(header)), f"header {header.name}"))
    return places


def _domain_entries(dataset: Any) -> Dict[str, str]:
    domain = dataset.GetMetadata("ENVI") or {}
    return {key.replace("_", " ").lower(): value.strip().strip("{}") for key, value in domain.items()}


def _fit(values: List[float], dataset: Any, band_numbers: Tuple[int, ...]) -> Optional[FloatArray]:
    """Values of the spectral bands, from a list that has one for each of them or for every band of the file."""
    if values and len(values) == dataset.RasterCount:
        return np.array([values[number - 1] for number in band_numbers])
    return np.array(values) if values and len(values) == len(band_numbers) else None


def _band_item(dataset: Any, band_number: int, keys: Tuple[str, ...]) -> str:
    """First of several metadata items that a band has; names in any case."""
    items = {key.lower(): value for key, value in (dataset.GetRasterBand(band_number).GetMetadata() or {}).items()}
    return next((str(items[key]) for key in keys if key in items), "")


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


def _number_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
