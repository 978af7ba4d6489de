# SPDX-License-Identifier: GPL-2.0-or-later
"""Letters outside UTF-8 in every place that GDAL and OGR hand out text from."""

from __future__ import annotations

from pathlib import Path
from typing import List

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osgeo import gdal, ogr

from special_qgis.engine.accuracy.reference import open_reference
from special_qgis.engine.config import SceneConfig
from special_qgis.engine.errors import InputError
from special_qgis.engine.rasters.class_raster import open_class_raster
from special_qgis.engine.rasters.legend import MAX_CLASS_VALUE, read_legend
from special_qgis.engine.rasters.metadata import read_metadata
from special_qgis.engine.rasters.opening import open_raster, read_grid
from special_qgis.engine.rasters.text import category_names, description
from special_qgis.engine.scene.area import find_area
from special_qgis.engine.scene.opening import open_scene
from special_qgis.engine.windows import Window
from tests.helpers.class_maps import write_raster as write_map
from tests.helpers.scene_files import coded_cube, write_envi, write_raster

HEADER = "description = {Fläche µ}\nband names = {bänd 1, b2}\nwavelength units = µm\nwavelength = {0.5, 0.6}\n"


def _in_latin_1(header: Path) -> None:
    header.write_bytes(header.read_text(encoding="utf-8").encode("latin-1"))


def _shapefile(path: Path, word: str, field: str = "art") -> Path:
    """A shapefile of one square whose table is in Latin-1 and says nothing of it."""
    source = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(path))
    layer = source.CreateLayer(path.stem, None, ogr.wkbPolygon, ["ENCODING=ISO-8859-1"])
    layer.CreateField(ogr.FieldDefn(field, ogr.OFTString))
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetField(0, word)
    feature.SetGeometry(ogr.CreateGeometryFromWkt("POLYGON((2 -2, 5 -2, 5 -5, 2 -5, 2 -2))"))
    layer.CreateFeature(feature)
    del feature, layer, source
    path.with_suffix(".cpg").unlink(missing_ok=True)
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = 0  # the language driver
    path.with_suffix(".dbf").write_bytes(bytes(table))
    return path


def test_envi_header_in_latin_1_is_read(tmp_path: Path) -> None:
    path = write_envi(tmp_path / "scene.img", coded_cube(2, 9, 9, np.int16), HEADER)
    _in_latin_1(path.with_suffix(".hdr"))
    found = read_metadata(open_raster(str(path)))
    assert found.envi["description"] == "Fläche µ"
    assert found.envi["wavelength units"] == "µm"
    assert found.descriptions[0].startswith("bänd 1")
    with open_scene(SceneConfig(str(path))) as scene:
        assert scene.axis.centres_nm == pytest.approx([500.0, 600.0])
        assert scene.summary()["path"] == str(path)


def test_header_in_latin_1_beside_a_tiff_is_read(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", coded_cube(2, 9, 9, np.int16))
    path.with_suffix(".hdr").write_bytes(("ENVI\n" + HEADER).encode("latin-1"))
    with open_scene(SceneConfig(str(path))) as scene:
        assert scene.axis.centres_nm == pytest.approx([500.0, 600.0])


def test_shapefile_in_latin_1_without_code_page_gives_class_names(tmp_path: Path) -> None:
    map_path = write_map(tmp_path / "map.tif", np.ones((9, 9), np.uint8), transform=None, epsg=None)
    path = _shapefile(tmp_path / "plots.shp", "Gewässer", "Flä")
    reference = open_reference(str(path), "", "Flä", open_class_raster(str(map_path), "map"))
    assert dict(reference.names) == {1: "Gewässer"}
    assert "Flä" in reference.how
    assert int(reference.read(Window(0, 0, 9, 9)).sum()) == 9


def test_missing_field_of_a_shapefile_in_latin_1_names_the_others(tmp_path: Path) -> None:
    map_path = write_map(tmp_path / "map.tif", np.ones((9, 9), np.uint8), transform=None, epsg=None)
    path = _shapefile(tmp_path / "plots.shp", "Gewässer", "Flä")
    dataset = open_class_raster(str(map_path), "map")
    with pytest.raises(InputError, match="its fields are Flä"):
        open_reference(str(path), "", "art", dataset)


def test_area_of_interest_in_latin_1_is_read(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", coded_cube(2, 9, 9, np.int16), [500.0, 600.0])
    dataset = open_raster(str(path))
    area = find_area(SceneConfig(str(path), aoi=str(_shapefile(tmp_path / "area.shp", "Gewässer"))), read_grid(dataset))
    assert area.window == Window(2, 2, 3, 3)


def test_style_in_latin_1_gives_class_names(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "map.tif", np.ones((1, 9, 9), np.uint8))
    style = '<paletteEntry value="1" label="Gewässer" color="#0000ff"/>'
    path.with_suffix(".qml").write_bytes(style.encode("latin-1"))
    assert dict(read_legend(open_raster(str(path))).names) == {1: "Gewässer"}


def test_categories_in_latin_1_give_class_names(tmp_path: Path) -> None:
    text = (
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">'
        "<Description>Nutzung der Fl\xe4che</Description>"
        "<CategoryNames><Category/><Category>Gew\xe4sser</Category></CategoryNames></VRTRasterBand></VRTDataset>"
    )
    path = tmp_path / "map.vrt"
    path.write_bytes(text.encode("latin-1"))
    dataset = gdal.OpenEx(str(path))
    band = dataset.GetRasterBand(1)
    assert category_names(band) == ["", "Gewässer"]
    assert description(band) == "Nutzung der Fläche"
    assert dict(read_legend(open_raster(str(path))).names) == {1: "Gewässer"}


STYLE_PIECES = [
    b'<paletteEntry value="1" label="Gew\xe4sser" color="#0000ff"/>',
    b"<paletteEntry value='99999999999' label='&#xD800;'/>",
    b'<paletteEntry value="\xb2" label="x"/>',
    b'<paletteEntry value="' + b"9" * 5000 + b'" label="x"/>',
    b'<paletteEntry value="2" label="&#xD800;y" color="#zz0000"/>',
    b"\xff\xfe",
    b"\xef\xbb\xbf",
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STYLE_PIECES) | st.binary(max_size=30), max_size=5))
def test_any_bytes_in_a_style_give_names_that_can_be_written(tmp_path: Path, pieces: List[bytes]) -> None:
    path = tmp_path / "map.tif"
    if not path.exists():
        write_raster(path, np.ones((1, 9, 9), np.uint8))
    path.with_suffix(".qml").write_bytes(b"".join(pieces))
    legend = read_legend(open_raster(str(path)))
    for value, name in legend.names.items():
        assert 0 < value <= MAX_CLASS_VALUE
        name.encode("utf-8")
