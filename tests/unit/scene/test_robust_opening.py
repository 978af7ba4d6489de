# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes with undeclared fill, bands marked as alpha, repeated wavelengths; headers parsed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osgeo import gdal

from special_qgis.engine.config import PriorJobConfig, SceneConfig
from special_qgis.engine.errors import EngineError, InputError, SpectraError
from special_qgis.engine.pipeline import spectral_prior
from special_qgis.engine.rasters import envi_header
from special_qgis.engine.scene.opening import open_scene
from tests.helpers import small_scene
from tests.helpers.listener import Listener
from tests.helpers.scene_files import NORTH_UP, coded_cube, update, write_envi, write_raster

NM = [450.0, 550.0, 650.0, 850.0]
TYPED = "450, 550, 650, 850 nm"

JUNK_LINES = st.lists(
    st.builds(
        lambda name, value: name + b" = " + value,
        st.sampled_from(
            [b"wavelength", b"wavelengths", b"wavelength units", b"fwhm", b"bbl", b"bands", b"description"]
        ),
        st.sampled_from(
            [b"{450, 550, 650}", b"{450 550}", b"nm", b"\xb5m", b"{1, 0, 1}", b"{true", b"3", b"4", b"{x\x00}"]
        )
        | st.binary(max_size=20),
    )
    | st.binary(max_size=30),
    max_size=5,
)


def opened(path: Path, listener: Any = None, **options: Any) -> Any:
    return open_scene(SceneConfig(str(path), **options), listener)


def filled(fill: float, dtype: Any, share: float = 0.3) -> np.ndarray:
    """(bands, rows, cols) the small scene with a fill in its first rows."""
    cube = small_scene.cube().astype(dtype)
    cube[:, : round(share * small_scene.SIDE_PX)] = fill
    return cube


@pytest.mark.parametrize(
    ("fill", "dtype"),
    [(-9999, np.int16), (-50, np.int16), (-32768, np.int16), (65535, np.uint16), (-9999, np.float32), (-1, np.float64)],
    ids=str,
)
def test_undeclared_fill_is_left_out_and_told_once(tmp_path: Path, fill: float, dtype: Any) -> None:
    cube = filled(fill, dtype)
    listener = Listener()
    path = write_raster(tmp_path / "scene.tif", cube, small_scene.WAVELENGTHS_NM, None, NORTH_UP, 32633)
    with opened(path, listener) as scene:
        valid = scene.read(scene.area).valid
        summary = scene.summary()
        sample = scene.sample(10_000, 0)
        tiles = [block.valid for _, block in scene.tiles(Listener())]
    n_rows = round(0.3 * small_scene.SIDE_PX)
    assert not valid[:n_rows].any()
    assert valid[n_rows:].all()
    assert np.array_equal(tiles[0], valid)
    assert sample.spectra.min() > 0
    assert summary["undeclared_fill"] == [fill]
    assert summary["value_range"][0] > 0
    assert summary["valid_share"] == pytest.approx(1 - n_rows / small_scene.SIDE_PX)
    assert [warning for warning in listener.warnings if "not declared as no data" in warning] == listener.warnings
    assert len(listener.warnings) == 1
    assert f"The value {fill:g} fills all bands" in listener.warnings[0]


def test_undeclared_fill_gives_the_map_of_the_declared_one(tmp_path: Path) -> None:
    """The prior learns from the scene, so that fill it took for pixels would change every other pixel."""
    maps: List[np.ndarray] = []
    for name, nodata in (("declared", -9999), ("undeclared", None)):
        path = write_raster(
            tmp_path / f"{name}.tif", filled(-9999, np.int16), small_scene.WAVELENGTHS_NM, nodata, NORTH_UP, 32633
        )
        target = tmp_path / f"{name}-p.tif"
        options = {"scene": {"source": str(path)}, "classes": small_scene.CLASSES, "probabilities": str(target)}
        spectral_prior(PriorJobConfig.from_json(options), Listener())
        maps.append(gdal.OpenEx(str(target)).ReadAsArray())
    assert np.array_equal(maps[0], maps[1], equal_nan=True)
    assert len(np.unique(maps[1])) > 10


def test_fill_does_not_depend_on_the_memory_budget_or_blocks(tmp_path: Path) -> None:
    cube = np.tile(small_scene.cube()[:5], (1, 20, 20))
    cube[:, 100:200, 300:] = -50
    nm = small_scene.WAVELENGTHS_NM[:5]
    layouts = (["TILED=YES"], ["INTERLEAVE=PIXEL", "COMPRESS=DEFLATE"], [])
    seen = []
    for number, options in enumerate(layouts):
        path = write_raster(tmp_path / f"{number}.tif", cube, nm, None, NORTH_UP, 32633, options=options)
        for budget in (1, 0):
            with opened(path, memory_budget_bytes=budget) as scene:
                valid = np.zeros((scene.rows, scene.cols), bool)
                for window, block in scene.tiles(Listener()):
                    valid[window.slices()] = block.valid
                seen.append((valid.tobytes(), scene.summary()["undeclared_fill"]))
    assert len({state[0] for state in seen}) == 1
    assert all(state[1] == [-50.0] for state in seen)


def test_bands_dead_but_for_the_fill_are_left_out(tmp_path: Path) -> None:
    cube = filled(-9999, np.int16)
    n_rows = round(0.3 * small_scene.SIDE_PX)
    cube[30, n_rows:] = 0
    cube[31] = 0
    path = write_raster(tmp_path / "scene.tif", cube, small_scene.WAVELENGTHS_NM, None, NORTH_UP, 32633)
    with opened(path) as scene:
        assert scene.summary()["dropped_bands"]["one value everywhere"] == "31-32"
        assert scene.read(scene.area).valid.sum() == (small_scene.SIDE_PX - n_rows) * small_scene.SIDE_PX


def test_scene_of_nothing_but_fill_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", np.full((4, 9, 9), -9999, np.int16), NM)
    with pytest.raises((InputError, SpectraError)):
        opened(path)


def _mark_alpha(path: Path, number: int) -> Path:
    dataset = update(path)
    dataset.GetRasterBand(number).SetColorInterpretation(gdal.GCI_AlphaBand)
    return path


def test_band_marked_as_alpha_with_a_wavelength_is_a_spectral_band(tmp_path: Path) -> None:
    cube = coded_cube(4, 9, 9, np.int32)
    cube[3, :4] = 0
    path = _mark_alpha(write_raster(tmp_path / "scene.tif", cube, NM), 4)
    listener = Listener()
    with opened(path, listener) as scene:
        assert scene.n_bands == 4
        assert scene.read(scene.area).valid.all()
    assert any("Band 4 is marked as alpha" in text for text in listener.infos)


@pytest.mark.parametrize(
    "options",
    [{"wavelengths": TYPED}, {"sensor": "sentinel_2"}, {"wavelengths": TYPED, "bad_bands": "4"}],
    ids=["typed", "sensor", "typed-and-bad"],
)
def test_band_marked_as_alpha_is_spectral_where_the_user_gives_it_a_wavelength(tmp_path: Path, options: Any) -> None:
    cube = coded_cube(4, 9, 9, np.int32)
    cube[3, :4] = 0
    path = _mark_alpha(write_raster(tmp_path / "scene.tif", cube), 4)
    with opened(path, **options) as scene:
        assert scene.n_bands == (3 if "bad_bands" in options else 4)
        assert scene.read(scene.area).valid.all()


def test_true_alpha_band_still_leaves_pixels_out(tmp_path: Path) -> None:
    cube = coded_cube(5, 9, 9, np.int32)
    cube[4, :4] = 0
    path = write_raster(tmp_path / "scene.tif", cube)
    dataset = update(path)
    for number, nm in enumerate(NM, 1):
        dataset.GetRasterBand(number).SetMetadata({"wavelength": str(nm), "wavelength_units": "nm"})
    del dataset
    with opened(_mark_alpha(path, 5)) as scene:
        assert scene.n_bands == 4
        assert scene.read(scene.area).valid.sum() == 5 * 9


def test_second_detector_of_the_same_wavelengths_is_left_out_with_a_warning(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", coded_cube(6, 9, 9), [450, 550, 650, 550, 650, 750])
    listener = Listener()
    with opened(path, listener) as scene:
        assert scene.band_numbers == (1, 2, 3, 6)
    assert any("Bands 4-5 have the same wavelengths" in warning for warning in listener.warnings)


def test_repeated_wavelengths_without_detectors_are_all_named(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", coded_cube(6, 9, 9), [450, 450, 550, 550, 550, 650])
    with pytest.raises(
        SpectraError, match="Bands 1 and 2 have the same wavelength, 450 nm; bands 3, 4 and 5"
    ) as caught:
        opened(path)
    assert "such as: 2, 4-5." in caught.value.hint


@pytest.mark.parametrize("kind", ["raw", "beside"])
def test_envi_header_is_parsed_once_per_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    lists = "wavelength = {450, 550, 650, 850}\nwavelength units = nm\nbbl = {1, 1, 1, 1}\n"
    if kind == "raw":
        path = write_envi(tmp_path / "scene.img", coded_cube(4, 9, 9, np.int16), lists)
    else:
        path = write_raster(tmp_path / "scene.tif", coded_cube(4, 9, 9, np.int16))
        path.with_suffix(".hdr").write_text(f"ENVI\nbands = 4\n{lists}", encoding="utf-8")
    parsed: List[str] = []
    parse = envi_header.parse_envi_header

    def count(text: str) -> Any:
        parsed.append(text)
        return parse(text)

    monkeypatch.setattr(envi_header, "parse_envi_header", count)
    with opened(path) as scene:
        assert scene.axis.centres_nm.tolist() == NM
        scene.summary()
    assert len(parsed) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JUNK_LINES)
def test_any_bytes_in_a_header_raise_nothing_but_engine_errors(tmp_path: Path, lines: List[bytes]) -> None:
    beside = tmp_path / "beside.tif"
    if not beside.exists():
        write_raster(beside, coded_cube(3, 9, 9, np.int16))
    beside.with_suffix(".hdr").write_bytes(b"ENVI\n" + b"\n".join(lines))
    raw = write_envi(tmp_path / "raw.img", coded_cube(3, 9, 9, np.int16))
    with raw.with_suffix(".hdr").open("ab") as stream:
        stream.write(b"\n".join(lines))
    for path in (beside, raw):
        try:
            with opened(path) as scene:
                assert scene.summary()["good_bands"] >= 2
        except EngineError as error:
            str(error).encode("utf-8")


def test_envi_header_that_changed_is_parsed_again(tmp_path: Path) -> None:
    path = tmp_path / "a.hdr"
    path.write_text("ENVI\nbands = 4\n", encoding="utf-8")
    assert envi_header.read_envi_header(path)["bands"] == "4"
    path.write_text("ENVI\nbands = 224\n", encoding="utf-8")
    assert envi_header.read_envi_header(path)["bands"] == "224"
