# SPDX-License-Identifier: GPL-2.0-or-later
"""Every place that wavelengths come from, their order, units and contradictions."""

from __future__ import annotations

import numpy as np
import pytest

from special_qgis.engine.errors import SpectraError
from special_qgis.engine.rasters.metadata import read_metadata
from special_qgis.engine.rasters.opening import open_raster
from special_qgis.engine.scene.bad_bands import read_bad_bands
from special_qgis.engine.scene.stated_quantity import describe_quantity
from special_qgis.engine.scene.wavelengths import read_band_spectra
from tests.helpers.listener import Listener
from tests.helpers.scene_files import coded_cube, update, write_envi, write_raster

NM = [450.0, 550.0, 650.0, 850.0]
NUMBERS = (1, 2, 3, 4)


@pytest.fixture
def bare(tmp_path):
    """A raster of four bands without wavelengths."""
    return write_raster(tmp_path / "scene.tif", coded_cube(4, 9, 9, np.int16))


def read(path, typed="", sensor="", listener=None):
    return read_band_spectra(read_metadata(open_raster(str(path))), NUMBERS, typed, sensor, listener or Listener())


def tag(path, items, domain=""):
    dataset = update(path)
    for number, item in enumerate(items, 1):
        for key, value in item.items():
            dataset.GetRasterBand(number).SetMetadataItem(key, value, domain)


def describe(path, texts):
    dataset = update(path)
    for number, text in enumerate(texts, 1):
        dataset.GetRasterBand(number).SetDescription(text)


def sidecar(path, lines, name=None):
    (path.with_suffix(".hdr") if name is None else path.with_name(name)).write_text("ENVI\n" + lines, encoding="utf-8")


def test_imagery_domain_is_in_micrometres(bare):
    tag(bare, [{"CENTRAL_WAVELENGTH_UM": str(nm / 1000), "FWHM_UM": "0.01"} for nm in NM], "IMAGERY")
    found = read(bare)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([10.0] * 4)
    assert "IMAGERY" in found.source


def test_imagery_domain_rounded_from_finer_tags_gives_way_to_them(bare):
    fine = [450.38, 550.49, 649.51, 850.0]
    tag(bare, [{"CENTRAL_WAVELENGTH_UM": f"{nm / 1000:.3f}"} for nm in fine], "IMAGERY")
    tag(bare, [{"wavelength": f"{nm:.3f}", "wavelength_units": "Nanometers"} for nm in fine])
    assert read(bare).centres_nm == pytest.approx(fine, abs=1e-6)


@pytest.mark.parametrize("key", ["wavelength", "WAVELENGTH", "central_wavelength"])
def test_band_tags_are_read_in_any_case(bare, key):
    tag(bare, [{key: str(nm / 1000), "wavelength_units": "Micrometers", "fwhm": "0.01"} for nm in NM])
    found = read(bare)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([10.0] * 4)


def test_band_tags_of_the_sentinel_2_driver_are_read(bare):
    tag(
        bare, [{"WAVELENGTH": str(nm), "WAVELENGTH_UNIT": "nm", "BANDWIDTH": "20", "BANDWIDTH_UNIT": "nm"} for nm in NM]
    )
    found = read(bare)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([20.0] * 4)


def test_envi_domain_of_another_format_is_read(bare):
    dataset = update(bare)
    dataset.SetMetadata(
        {"wavelength": "{0.45, 0.55, 0.65, 0.85}", "wavelength_units": "um", "fwhm": "{.01,.01,.01,.02}"}, "ENVI"
    )
    del dataset
    found = read(bare)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([10, 10, 10, 20])


def test_envi_file_is_read(tmp_path):
    extra = (
        "wavelength = {450, 550,\n 650, 850}\nwavelength units = Nanometers\nfwhm = {9, 9, 9, 9}\nbbl = {1, 0, 1, 1}\n"
    )
    path = write_envi(tmp_path / "scene.img", coded_cube(4, 9, 9, np.int16), extra)
    found = read(path)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([9.0] * 4)
    assert read_bad_bands(read_metadata(open_raster(str(path))), NUMBERS, Listener()).tolist() == [1, 0, 1, 1]


def test_descriptions_are_read(bare):
    describe(bare, [f"band {i} ({nm} Nanometers)" for i, nm in enumerate(NM, 1)])
    found = read(bare)
    assert found.centres_nm == pytest.approx(NM)
    assert "descriptions" in found.source


def test_numbered_descriptions_are_no_wavelengths(bare):
    describe(bare, ["Band 1", "Band 2", "Band 3", "Band 4"])
    with pytest.raises(SpectraError, match="states no wavelengths for its 4 bands"):
        read(bare)


@pytest.mark.parametrize("name", ["scene.hdr", "scene.tif.hdr"])
def test_header_beside_another_format_is_read(bare, name):
    sidecar(
        bare, "wavelength = {450, 550, 650, 850}\nwavelength units = nm\nfwhm = {9, 9, 9, 9}\nbbl = {0,1,1,1}", name
    )
    found = read(bare)
    assert found.centres_nm == pytest.approx(NM)
    assert found.fwhm_nm == pytest.approx([9.0] * 4)
    assert name in found.source
    assert read_bad_bands(read_metadata(open_raster(str(bare))), NUMBERS, Listener()).tolist() == [0, 1, 1, 1]


def test_sources_are_asked_in_their_order(bare):
    """Adding a stronger source each time must change what is read."""
    sidecar(bare, "wavelength = {401, 501, 601, 801}\nwavelength units = nm")
    assert read(bare).centres_nm[0] == 401
    describe(bare, [f"{nm + 2} nm" for nm in (400, 500, 600, 800)])
    assert read(bare).centres_nm[0] == 402
    dataset = update(bare)
    dataset.SetMetadata({"wavelength": "{403, 503, 603, 803}", "wavelength_units": "nm"}, "ENVI")
    del dataset
    assert read(bare).centres_nm[0] == 403
    tag(bare, [{"wavelength": str(nm + 4), "wavelength_units": "nm"} for nm in (400, 500, 600, 800)])
    assert read(bare).centres_nm[0] == 404
    tag(bare, [{"CENTRAL_WAVELENGTH_UM": str((nm + 5) / 1000)} for nm in (400, 500, 600, 800)], "IMAGERY")
    assert read(bare).centres_nm[0] == pytest.approx(405)


@pytest.mark.parametrize(("values", "unit"), [([0.45, 0.55, 0.65, 0.85], "µm"), (NM, "nm")], ids=["um", "nm"])
def test_missing_unit_is_guessed_with_a_warning(bare, values, unit):
    tag(bare, [{"wavelength": str(value)} for value in values])
    listener = Listener()
    assert read(bare, listener=listener).centres_nm == pytest.approx(NM)
    assert any(f"{unit} was taken" in warning for warning in listener.warnings)


def test_stated_unit_gives_no_warning(bare):
    tag(bare, [{"wavelength": str(nm), "wavelength_units": "nm"} for nm in NM])
    listener = Listener()
    read(bare, listener=listener)
    assert listener.warnings == []


def test_contradicting_units_are_refused(bare):
    tag(bare, [{"wavelength": str(nm), "wavelength_units": unit} for nm, unit in zip(NM, ("nm", "nm", "um", "nm"))])
    with pytest.raises(SpectraError, match="different wavelength units: nm, µm"):
        read(bare)


def test_list_of_another_length_is_refused(bare):
    sidecar(bare, "wavelength = {450, 550, 650}\nwavelength units = nm")
    with pytest.raises(SpectraError, match=r"scene\.hdr holds 3 wavelengths, but the file has 4 bands"):
        read(bare)


def test_band_without_tag_is_nan(bare):
    tag(bare, [{"wavelength": "450", "wavelength_units": "nm"}, {}, {"wavelength": "650"}, {"wavelength": "x"}])
    assert read(bare).centres_nm == pytest.approx([450, np.nan, 650, np.nan], nan_ok=True)


def test_bad_band_list_of_another_length_is_passed_over_with_a_warning(bare):
    sidecar(bare, "wavelength = {450, 550, 650, 850}\nbbl = {1, 0}")
    listener = Listener()
    assert read_bad_bands(read_metadata(open_raster(str(bare))), NUMBERS, listener).tolist() == [1, 1, 1, 1]
    assert any("2 entries" in warning for warning in listener.warnings)


def test_bad_band_tags_are_read(bare):
    tag(bare, [{"bbl": "1"}, {"bbl": "0"}, {}, {"bbl": "0"}])
    assert read_bad_bands(read_metadata(open_raster(str(bare))), NUMBERS, Listener()).tolist() == [1, 0, 1, 0]


def test_typed_wavelengths_win_over_the_file_and_say_so(bare):
    tag(bare, [{"wavelength": "1", "wavelength_units": "nm"}] * 4)
    listener = Listener()
    found = read(bare, typed="450, 550, 650, 850 nm", listener=listener)
    assert found.centres_nm == pytest.approx(NM)
    assert any("in place of the file's own" in text for text in listener.infos)


def test_typed_wavelengths_of_another_number_are_refused(bare):
    with pytest.raises(SpectraError, match="3 wavelengths were typed for 4 bands"):
        read(bare, typed="450, 550, 650 nm")


def test_sensor_table_serves_a_file_without_wavelengths(bare):
    listener = Listener()
    found = read(bare, sensor="sentinel_2", listener=listener)
    assert found.centres_nm == pytest.approx([492.7, 559.8, 664.6, 832.8])
    assert any("nominal" in warning for warning in listener.warnings)


def test_file_wins_over_a_sensor_table_and_says_so(bare):
    tag(bare, [{"wavelength": str(nm), "wavelength_units": "nm"} for nm in NM])
    listener = Listener()
    assert read(bare, sensor="sentinel_2", listener=listener).centres_nm == pytest.approx(NM)
    assert any("was not used" in text for text in listener.infos)


@pytest.mark.parametrize(
    ("metadata", "envi", "quantity"),
    [
        ({}, {}, "unknown"),
        ({"DESCRIPTION": "Surface reflectance"}, {}, "reflectance"),
        ({}, {"reflectance_scale_factor": "10000"}, "reflectance"),
        ({}, {"data_units": "uW/cm^2/nm/sr"}, "radiance"),
        ({"TITLE": "At-sensor Radiance"}, {}, "radiance"),
        ({"TITLE": "radiance or reflectance"}, {}, "unknown"),
        ({"NOTE": "solar irradiance removed"}, {}, "unknown"),
    ],
    ids=str,
)
def test_quantity_is_told_by_metadata(bare, metadata, envi, quantity):
    dataset = update(bare)
    dataset.SetMetadata(metadata)
    dataset.SetMetadata(envi, "ENVI")
    del dataset
    assert describe_quantity(read_metadata(open_raster(str(bare)))) == quantity


def test_quantity_is_told_by_the_bands_unit(bare):
    dataset = update(bare)
    dataset.GetRasterBand(1).SetUnitType("W/(m2.sr.um)")
    del dataset
    assert describe_quantity(read_metadata(open_raster(str(bare)))) == "radiance"


@pytest.mark.parametrize("count", [3, 5])
def test_raw_file_whose_header_lists_another_number_of_wavelengths_is_refused(tmp_path, count):
    listed = ", ".join(str(450 + 50 * i) for i in range(count))
    path = write_envi(tmp_path / "scene.img", coded_cube(4, 9, 9, np.int16), f"wavelength = {{{listed}}}\n")
    with pytest.raises(SpectraError, match=rf"ENVI header holds {count} wavelengths, but the file has 4 bands"):
        read(path)
