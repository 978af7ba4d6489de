# SPDX-License-Identifier: GPL-2.0-or-later
"""Wavelengths in items of any name, numbered descriptions, optional lists, and headers of other files."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from special_qgis.engine.errors import EngineError, SpectraError
from special_qgis.engine.rasters.metadata import Header, RasterMetadata
from special_qgis.engine.scene.bad_bands import read_bad_bands
from special_qgis.engine.scene.stated_quantity import describe_quantity
from special_qgis.engine.scene.wavelength_items import is_centre_name
from special_qgis.engine.scene.wavelengths import read_band_spectra, read_file_spectra
from tests.helpers.listener import Listener

NM = [450.0, 550.0, 650.0, 850.0]
NUMBERS = (1, 2, 3, 4)


def metadata(
    items: Optional[Dict[str, str]] = None,
    bands: Sequence[Dict[str, str]] = ({},) * 4,
    envi: Optional[Dict[str, str]] = None,
    descriptions: Sequence[str] = ("",) * 4,
    headers: Sequence[Dict[str, str]] = (),
    driver: str = "GTiff",
) -> RasterMetadata:
    made = tuple(Header(f"{number}.hdr", entries) for number, entries in enumerate(headers))
    blank = ({},) * len(bands)
    return RasterMetadata(
        driver, len(bands), items or {}, envi or {}, tuple(bands), blank, tuple(descriptions), "", made
    )


def read(found: RasterMetadata, listener: Optional[Listener] = None, typed: str = "") -> Any:
    return read_band_spectra(found, NUMBERS, typed, "", listener or Listener())


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("wavelength", True),
        ("WAVELENGTHS", True),
        ("NETCDF_DIM_wavelength", True),
        ("HDFEOS_GRIDS_HYP_Data_Fields_surface_reflectance_wavelengths", True),
        ("good_wavelengths", False),
        ("all_good_wavelengths", False),
        ("min_wavelength", False),
        ("reference wavelength", False),
        ("wavelength_units", False),
    ],
)
def test_name_tells_whether_an_item_may_hold_centres(name: str, is_one: bool) -> None:
    assert is_centre_name(name) == is_one


@pytest.mark.parametrize(
    ("unit_item", "factor"),
    [
        ({"wavelength#units": "nm"}, 1.0),
        ({"wavelength#units": "micrometers"}, 1e-3),
        ({"/a/wavelength#units": "um"}, 1e-3),
    ],
    ids=["nm", "um", "um-of-a-group"],
)
def test_netcdf_dimension_items_are_read_with_their_unit(unit_item: Dict[str, str], factor: float) -> None:
    listener = Listener()
    found = read(metadata(unit_item, [{"netcdf_dim_wavelength": repr(nm * factor)} for nm in NM]), listener)
    assert found.centres_nm == pytest.approx(NM)
    assert "netcdf_dim_wavelength" in found.source
    assert listener.warnings == []


@pytest.mark.parametrize(
    "text", ["450 550 650 850", "{450, 550, 650, 850}", "[450; 550; 650; 850] nm", "450,0 550,0 650,0 850,0"], ids=str
)
def test_lists_of_any_name_and_writing_are_read(text: str) -> None:
    found = read(metadata({"HYP_reflectance_wavelengths": text, "HYP_reflectance_fwhm": "5 5 5 5"}))
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([5.0] * 4)


def test_list_without_unit_is_guessed_with_one_warning() -> None:
    listener = Listener()
    assert read(metadata({"x_wavelengths": "0.45 0.55 0.65 0.85"}), listener).centres_nm == pytest.approx(NM)
    assert [warning for warning in listener.warnings if "µm was taken" in warning] == listener.warnings
    assert len(listener.warnings) == 1


@pytest.mark.parametrize("place", ["envi", "header"])
def test_envi_list_in_the_plural_is_read(place: str) -> None:
    entries = {"wavelengths": "450, 550, 650, 850", "wavelength units": "nm"}
    found = read(metadata(envi=entries) if place == "envi" else metadata(headers=[entries]))
    assert found.centres_nm == pytest.approx(NM)


@pytest.mark.parametrize(
    "items",
    [
        {"reference_wavelength": "1 2 3 4"},
        {"x_wavelength": "550"},
        {"x_wavelength": "5 5 5 5"},
        {"x_wavelengths": "1 2 3 4"},
        {"x_wavelengths": "red green blue nir"},
        {"x_wavelengths": "450 550 650"},
        {"x_wavelengths": "450 550 650 850", "x_wavelength_units": "furlong"},
    ],
    ids=str,
)
def test_item_that_does_not_fit_is_passed_over(items: Dict[str, str]) -> None:
    assert read_file_spectra(metadata(items), NUMBERS, Listener()) is None


def test_error_without_wavelengths_names_lists_of_another_number() -> None:
    found = metadata({"cube_wavelengths": "450 550 650"}, headers=[{"bands": "285", "wavelength": "1, 2"}])
    with pytest.raises(SpectraError, match=r"cube_wavelengths lists 3; the header 0\.hdr describes 285 bands"):
        read(found)


@pytest.mark.parametrize(
    ("descriptions", "is_read"),
    [
        (["Band_503", "Band_510", "Band_519", "Band_535"], True),
        (["band 503", "band 510", "band 519", "band 535"], True),
        (["Band_503", "Band_510", "Band_519", "quality"], False),
        (["Band_301", "Band_302", "Band_303", "Band_304"], False),
        (["Band_101", "Band_111", "Band_121", "Band_131"], False),
        (["Band_503", "Band_403", "Band_519", "Band_535"], False),
    ],
    ids=lambda value: str(value),
)
def test_numbered_descriptions_count_where_they_cannot_be_band_numbers(descriptions: List[str], is_read: bool) -> None:
    listener = Listener()
    found = read_file_spectra(metadata(descriptions=descriptions), NUMBERS, listener)
    if not is_read:
        assert found is None or "numbers in" not in found.source
        return
    assert found is not None
    assert found.centres_nm.tolist() == [503, 510, 519, 535]
    assert "were taken for wavelengths in nm" in listener.warnings[0]


def test_header_of_another_number_of_bands_is_not_used() -> None:
    other = {"bands": "2", "wavelength": "1, 2", "fwhm": "1, 2, 3, 4", "bbl": "0, 0, 0, 0"}
    listener = Listener()
    found = metadata(bands=[{"wavelength": str(nm), "wavelength_units": "nm"} for nm in NM], headers=[other])
    assert read(found, listener).fwhm_nm is None
    assert read_bad_bands(found, NUMBERS, listener).tolist() == [1, 1, 1, 1]
    assert read_file_spectra(metadata(headers=[other]), NUMBERS, listener) is None
    assert any("describes 2 bands" in text for text in listener.infos)


def test_header_of_the_spectral_bands_alone_is_used() -> None:
    found = metadata(
        bands=({},) * 5, descriptions=("",) * 5, headers=[{"bands": "4", "wavelengths": "450 550 650 850 nm"}]
    )
    assert read(found).centres_nm == pytest.approx(NM)


@pytest.mark.parametrize("fwhm", ["red, 9, 9, 9", "9, 9", "9 nm, 9 um, 9, 9"], ids=str)
def test_band_widths_that_cannot_be_read_never_refuse_the_scene(fwhm: str) -> None:
    listener = Listener()
    found = read(metadata(envi={"wavelength": "450 550 650 850", "wavelength units": "nm", "fwhm": fwhm}), listener)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm is None
    assert len(listener.warnings) == (0 if fwhm == "9, 9" else 1)


@pytest.mark.parametrize("text", ["1, 0, 1, 1", "true false true true", "{good, bad, good, good}", "Yes; No; Yes; Yes"])
def test_bad_band_list_is_read_in_numbers_and_words(text: str) -> None:
    listener = Listener()
    assert read_bad_bands(metadata(envi={"bbl": text}), NUMBERS, listener).tolist() == [1, 0, 1, 1]
    assert read_bad_bands(metadata({"x_good_wavelengths": text}), NUMBERS, listener).tolist() == [1, 0, 1, 1]
    tags = [{"bbl": word} for word in text.strip("{}").replace(",", " ").replace(";", " ").split()]
    assert read_bad_bands(metadata(bands=tags), NUMBERS, listener).tolist() == [1, 0, 1, 1]
    assert listener.warnings == []


@pytest.mark.parametrize("found", [metadata(envi={"bbl": "1, perhaps, 1, 1"}), metadata(bands=[{"bbl": "?"}] * 4)])
def test_bad_band_list_that_cannot_be_read_is_passed_over_with_a_warning(found: RasterMetadata) -> None:
    listener = Listener()
    assert read_bad_bands(found, NUMBERS, listener).tolist() == [1, 1, 1, 1]
    assert "passed over" in listener.warnings[0]
    assert len(listener.warnings) == 1


def test_twice_as_many_wavelengths_as_bands_hint_at_decimal_commas() -> None:
    with pytest.raises(SpectraError, match=r"holds 8 wavelengths.*decimal commas"):
        read(metadata(envi={"wavelength": "450,1,550,1,650,1,850,1"}))


def test_raw_header_with_decimal_commas_wins_over_what_gdal_makes_of_it() -> None:
    torn = [{"wavelength": text} for text in ("450", "5", "550", "5")]
    found = metadata(
        bands=torn, envi={"wavelength": "450,5, 550,5, 650,5, 850,5", "wavelength units": "nm"}, driver="ENVI"
    )
    assert read(found).centres_nm == pytest.approx([450.5, 550.5, 650.5, 850.5])


@pytest.mark.parametrize("typed", ["450,5 550,5 650,5 850,5 nm", "450,5; 550,5; 650,5; 850,5"])
def test_typed_decimal_commas_are_understood(typed: str) -> None:
    assert read(metadata(), typed=typed).centres_nm == pytest.approx([450.5, 550.5, 650.5, 850.5])


CENTRES = ["wavelength", "wavelengths", "x_wavelengths", "NETCDF_DIM_wavelength", "CENTRAL_WAVELENGTH_UM"]
OTHERS = ["wavelength#units", "wavelength units", "fwhm", "x_fwhm", "bbl", "good_wavelengths", "bands", "data units"]
NAMES = st.sampled_from([*CENTRES, *OTHERS])
WORDS = ["", "450", "450,5", "nan", "inf", "1e400", "-1", "nm", "µm", "furlong", "true", "good", "{450 550}", "2", "3"]
LISTS = [
    "450 550 nm",
    "450,5, 550,5",
    "1 0",
    "0.4 0.5",
    "Band_503",
    "503 nm",
    "-1e308 1e308",
    "1e308 m",
    "1e305 1e306 m",
]
VALUES = st.sampled_from([*WORDS, *LISTS]) | st.text(max_size=12)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=5)


@given(
    ITEMS,
    ITEMS,
    st.lists(ITEMS, min_size=2, max_size=2),
    st.lists(VALUES, min_size=2, max_size=2),
    ITEMS,
    st.booleans(),
)
def test_any_metadata_raise_nothing_but_engine_errors(items, envi, bands, descriptions, header, is_raw) -> None:
    lower = tuple({name.lower(): value for name, value in band.items()} for band in bands)
    found = RasterMetadata(
        "ENVI" if is_raw else "GTiff",
        2,
        items,
        envi,
        lower,
        tuple(bands),
        tuple(descriptions),
        "",
        (Header("h", header),),
    )
    assert describe_quantity(found) in ("reflectance", "radiance", "unknown")
    assert read_bad_bands(found, (1, 2), Listener()).shape == (2,)
    for typed in ("", "450 550"):
        try:
            spectra = read_band_spectra(found, (1, 2), typed, "", Listener())
        except EngineError:
            continue
        assert spectra.centres_nm.shape == (2,)
        assert spectra.fwhm_nm is None or spectra.fwhm_nm.shape == (2,)
        assert not typed or np.array_equal(spectra.centres_nm, [450, 550])
