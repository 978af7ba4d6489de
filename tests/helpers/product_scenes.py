# SPDX-License-Identifier: GPL-2.0-or-later
"""One scene of known classes as products of several sensors, to be mapped and compared with the plain raster.

``CLOUD`` marks the pixels that a product's own layer leaves out; ``as_map`` brings a map of a product to its rows and
columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Tuple

import h5py
import netCDF4
import numpy as np
from numpy.typing import NDArray

from . import small_scene
from .scene_files import NORTH_UP, UTM_33, wkt, write_raster

NM = small_scene.WAVELENGTHS_NM
SIDE = small_scene.SIDE_PX
CLOUD = (slice(2, 5), slice(20, 26))
_FIRST_SWIR_NM = 950.0
_GROUP = "HDFEOS/SWATHS/PRS_L2D_HCO"


class ProductScene(NamedTuple):
    """How a product of the scene is made."""

    write: Callable[[Path], Path]  # folder → what the user gives
    has_clouds: bool  # whether the product has a layer that marks CLOUD
    is_mirrored: bool  # whether its map grid shows the columns in reverse


def plain(folder: Path) -> Path:
    """The scene as GeoTIFF."""
    return write_raster(folder / "plain.tif", small_scene.cube(), list(NM), None, NORTH_UP, UTM_33)


def cloud() -> NDArray[np.uint8]:
    """(rows, cols), 1 = marked."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[CLOUD] = 1
    return mask


def enmap(folder: Path) -> Path:
    """EnMAP L2A: image, XML and cloud mask."""
    stem = "ENMAP01-____L2A-DT0000009_20230101T000000Z_001_V010401"
    write_raster(
        folder / f"{stem}-SPECTRAL_IMAGE.TIF", small_scene.cube(), nodata=-32768, geotransform=NORTH_UP, epsg=UTM_33
    )
    write_raster(folder / f"{stem}-QL_QUALITY_CLOUD.TIF", cloud()[None], geotransform=NORTH_UP, epsg=UTM_33)
    bands = "".join(
        f'<bandID number="{n}"><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand><FWHMOfBand>8</FWHMOfBand>'
        "<GainOfBand>0.0001</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>"
        for n, nm in enumerate(NM, 1)
    )
    lists = [
        f"<{word}ProductQuality><expectedChannelsList>{','.join(map(str, np.flatnonzero(chosen) + 1))}"
        f"</expectedChannelsList></{word}ProductQuality>"
        for word, chosen in (("vnir", NM < _FIRST_SWIR_NM), ("swir", NM >= _FIRST_SWIR_NM))
    ]
    (folder / f"{stem}-METADATA.XML").write_text(
        f"<level_X><specific><bandCharacterisation>{bands}</bandCharacterisation>{''.join(lists)}</specific></level_X>",
        encoding="utf-8",
    )
    return folder


def prisma(folder: Path) -> Path:
    """PRISMA L2D: two cubes, long wavelengths first, values 0 to 65535 for reflectance 0 to 1.2; padding at CLOUD."""
    path = folder / "PRS_L2D_STD_20230101000000_20230101000004_0001.he5"
    with h5py.File(path, "w") as file:
        for word, chosen in (("Vnir", NM < _FIRST_SWIR_NM), ("Swir", NM >= _FIRST_SWIR_NM)):
            cube = np.round(small_scene.cube()[chosen][::-1] / 10000.0 / 1.2 * 65535.0).astype(np.uint16)
            file.create_dataset(f"{_GROUP}/Data Fields/{word.upper()}_Cube", data=cube.transpose(1, 0, 2))
            centres = NM[chosen][::-1].astype(np.float32)
            file.attrs[f"List_Cw_{word}"], file.attrs[f"List_Fwhm_{word}"] = centres, np.full_like(centres, 12.0)
            file.attrs[f"List_Cw_{word}_Flags"] = np.ones(centres.size, np.int32)
            file.attrs[f"L2Scale{word}Min"], file.attrs[f"L2Scale{word}Max"] = np.float32(0.0), np.float32(1.2)
        angles = np.where(cloud() == 1, 0.0, 35.0).astype(np.float32)
        file.create_dataset(f"{_GROUP}/Geometric Fields/Solar_Zenith_Angle", data=angles)
        x, width, _, y, _, height = NORTH_UP
        file.attrs["Epsg_Code"] = np.int32(UTM_33)
        for corner, at in (("UL", 0.5), ("LR", SIDE - 0.5)):
            file.attrs[f"Product_{corner}corner_easting"] = x + at * width
            file.attrs[f"Product_{corner}corner_northing"] = y + at * height
    return path


def emit(folder: Path) -> Path:
    """EMIT L2A reflectance and its mask; the lookup table mirrors the columns."""
    stem = "20230101T000000_2300101_001.nc"
    rows, cols = np.meshgrid(np.arange(1, SIDE + 1), np.arange(SIDE, 0, -1), indexing="ij")
    flags = np.zeros((SIDE, SIDE, 8), np.float32)
    flags[:, :, 0] = cloud()
    reflectance = (small_scene.cube() / 10000.0).transpose(1, 2, 0)
    for name, array, data in (("RFL_001", "reflectance", reflectance), ("MASK_001", "mask", flags)):
        with netCDF4.Dataset(str(folder / f"EMIT_L2A_{name}_{stem}"), "w") as file:
            axes = ("downtrack", "crosstrack", "bands")
            for axis, size in zip((*axes, "ortho_y", "ortho_x"), (*data.shape, SIDE, SIDE)):
                file.createDimension(axis, size)
            file.createVariable(array, "f4", axes, fill_value=-9999.0)[:] = data
            file.setncattr("geotransform", np.array([10.0, 0.0005, 0.0, 50.0, 0.0, -0.0005]))
            file.setncattr("spatial_ref", wkt(4326))
            location = file.createGroup("location")
            for axis, values in (("glt_y", rows), ("glt_x", cols)):
                location.createVariable(axis, "i4", ("ortho_y", "ortho_x"), fill_value=0)[:] = values
            if array == "reflectance":
                _emit_bands(file)
    return folder / f"EMIT_L2A_RFL_001_{stem}"


def _emit_bands(file: Any) -> None:
    bands = file.createGroup("sensor_band_parameters")
    for name, values in (("wavelengths", NM), ("fwhm", 8.5), ("good_wavelengths", 1.0)):
        bands.createVariable(name, "f4", ("bands",))[:] = values


def neon(folder: Path) -> Path:
    """NEON AOP: lines, samples, bands."""
    path = folder / "NEON_D01_HARV_DP3_reflectance.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("HARV/Reflectance")
        cube = group.create_dataset("Reflectance_Data", data=small_scene.cube().transpose(1, 2, 0))
        cube.attrs["Scale_Factor"], cube.attrs["Data_Ignore_Value"] = 10000.0, -9999.0
        cube.attrs["Dimension_Labels"] = "Line, Sample, Wavelength"
        group.create_dataset("Metadata/Ancillary_Imagery/Path_Length", data=np.ones((SIDE, SIDE), np.float32))
        group.create_dataset("Metadata/Spectral_Data/Wavelength", data=NM.astype(np.float32))
        group.create_dataset("Metadata/Spectral_Data/FWHM", data=np.full(NM.size, 5.0, np.float32))
        x, width, _, y, _, height = NORTH_UP
        text = f"UTM, 1.000, 1.000, {x}, {y}, {width}, {-height}, 33, North, WGS-84"
        folder_of_grid = group.create_group("Metadata/Coordinate_System")
        folder_of_grid.create_dataset("Map_Info", data=text)
        folder_of_grid.create_dataset("EPSG Code", data=str(UTM_33))
    return path


PRODUCTS: List[Tuple[str, ProductScene]] = [
    ("enmap", ProductScene(enmap, True, False)),
    ("prisma", ProductScene(prisma, True, False)),
    ("emit", ProductScene(emit, True, True)),
    ("neon", ProductScene(neon, False, False)),
]


def as_map(labels: NDArray[Any], product: ProductScene) -> NDArray[Any]:
    """A product's map in the rows and columns of ``small_scene.truth``.

    Args:
        labels: (rows, cols), class ids on the product's map grid.
        product: Whose map it is.
    """
    return labels[:, ::-1] if product.is_mirrored else labels
