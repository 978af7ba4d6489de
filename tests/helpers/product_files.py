# SPDX-License-Identifier: GPL-2.0-or-later
"""Small sensor products in the layouts that agencies deliver, whose values tell band, row and column.

``code(band, row, col)`` with all counted from 0 is what each stored value holds, band in the product's own order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
from numpy.typing import NDArray

from .scene_files import NORTH_UP, UTM_33, wkt, write_envi, write_raster

ROWS, COLS = 12, 10


def code(bands: int, rows: int = ROWS, cols: int = COLS) -> NDArray[Any]:
    """Values 1000 · (band + 1) + 20 · row + col, (bands, rows, cols)."""
    band, row, col = np.meshgrid(np.arange(1, bands + 1), np.arange(rows), np.arange(cols), indexing="ij")
    return 1000 * band + 20 * row + col


def prisma(path: Path) -> Path:
    """A PRISMA L2D file: 5 VNIR and 6 SWIR channels, one unused in either, long wavelengths first."""
    vnir, swir = [1000.0, 980.0, 900.0, 500.0, 0.0], [2400.0, 2000.0, 1500.0, 970.0, 920.0, 0.0]
    with h5py.File(path, "w") as file:
        for word, centres in (("Vnir", vnir), ("Swir", swir)):
            cube = code(len(centres)).transpose(1, 0, 2).astype(np.uint16)
            fields = file.require_group("HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields")
            fields.create_dataset(f"{word.upper()}_Cube", data=cube, chunks=(1, *cube.shape[1:]))
            file.attrs[f"List_Cw_{word}"] = np.array(centres, np.float32)
            file.attrs[f"List_Fwhm_{word}"] = np.full(len(centres), 11.0, np.float32)
            file.attrs[f"List_Cw_{word}_Flags"] = np.array([int(c > 0) for c in centres], np.int32)
            file.attrs[f"L2Scale{word}Min"], file.attrs[f"L2Scale{word}Max"] = np.float32(0.0), np.float32(0.5)
        angles = np.full((ROWS, COLS), 40.0, np.float32)
        angles[:, 0] = 0.0
        file.create_dataset("HDFEOS/SWATHS/PRS_L2D_HCO/Geometric Fields/Solar_Zenith_Angle", data=angles)
        file.attrs["Epsg_Code"] = np.int32(UTM_33)
        file.attrs["Product_ULcorner_easting"], file.attrs["Product_ULcorner_northing"] = 600015.0, 5799985.0
        file.attrs["Product_LRcorner_easting"] = 600015.0 + 30.0 * (COLS - 1)
        file.attrs["Product_LRcorner_northing"] = 5799985.0 - 30.0 * (ROWS - 1)
        file.attrs["Product_ID"] = "PRS_L2D_STD"
    return path


def emit(folder: Path) -> Path:
    """An EMIT L2A file with its mask; the lookup table mirrors the swath and leaves the first row empty."""
    path = folder / "EMIT_L2A_RFL_001_20230101T000000_2300101_001.nc"
    glt_y, glt_x = np.meshgrid(np.arange(ROWS + 1), np.arange(COLS, 0, -1), indexing="ij")
    glt_x = np.where(glt_y == 0, 0, glt_x)
    for name, array, data in (
        (path.name, "reflectance", code(4).transpose(1, 2, 0).astype(np.float32)),
        ("EMIT_L2A_MASK_002_20230101T000000_2300101_001.nc", "mask", _emit_mask()),
    ):
        with netCDF4.Dataset(str(folder / name), "w") as file:
            for axis, size in zip(("downtrack", "crosstrack", "bands"), data.shape):
                file.createDimension(axis, size)
            file.createDimension("ortho_y", ROWS + 1)
            file.createDimension("ortho_x", COLS)
            cube = file.createVariable(array, "f4", ("downtrack", "crosstrack", "bands"), fill_value=-9999.0)
            cube[:] = data
            file.setncattr("geotransform", np.array([10.0, 0.0005, 0.0, 50.0, 0.0, -0.0005]))
            file.setncattr("spatial_ref", wkt(4326))
            location = file.createGroup("location")
            for axis, values in (("glt_y", glt_y), ("glt_x", glt_x)):
                location.createVariable(axis, "i4", ("ortho_y", "ortho_x"), fill_value=0)[:] = values
            if array == "reflectance":
                bands = file.createGroup("sensor_band_parameters")
                bands.createVariable("wavelengths", "f4", ("bands",))[:] = [400.0, 700.0, 1350.0, 2200.0]
                bands.createVariable("fwhm", "f4", ("bands",))[:] = 8.5
                bands.createVariable("good_wavelengths", "f4", ("bands",))[:] = [1, 1, 0, 1]
    return path


def _emit_mask() -> NDArray[Any]:
    mask = np.zeros((ROWS, COLS, 8), np.float32)
    mask[2, 3, 0] = 1.0  # cloud
    mask[4, 5, 1] = 1.0  # cirrus
    mask[6, 7, 2] = 1.0  # water, which leaves nothing out
    return mask


def neon(path: Path) -> Path:
    """A NEON reflectance file of 6 bands, with the text attribute that ends GDAL 3.6's multidimensional reader."""
    with h5py.File(path, "w") as file:
        group = file.create_group("HARV/Reflectance")
        cube = group.create_dataset("Reflectance_Data", data=code(6).transpose(1, 2, 0).astype(np.int16))
        cube.attrs["Scale_Factor"], cube.attrs["Data_Ignore_Value"] = 10000.0, -9999.0
        cube.attrs["Dimension_Labels"] = "Line, Sample, Wavelength"
        group.create_dataset("Metadata/Ancillary_Imagery/Path_Length", data=np.ones((ROWS, COLS), np.float32))
        centres = np.array([400.0, 700.0, 1000.0, 1400.0, 1700.0, 2200.0], np.float32)
        group.create_dataset("Metadata/Spectral_Data/Wavelength", data=centres)
        group.create_dataset("Metadata/Spectral_Data/FWHM", data=np.full(6, 5.0, np.float32))
        group.attrs["Band_Window_1_Nanometers"] = np.array([1340, 1445])
        group.attrs["Band_Window_2_Nanometers"] = np.array([1790, 1955])
        text = "UTM,  1.000,  1.000,       600000.00,       5800000.0,  30.0,  30.0,  33,  North,  WGS-84"
        folder = group.create_group("Metadata/Coordinate_System")
        folder.create_dataset("Map_Info", data=text)
        folder.create_dataset("EPSG Code", data=str(UTM_33))
    return path


def tanager(path: Path) -> Path:
    """A Tanager ortho_sr file of 4 bands, the third bad."""
    with h5py.File(path, "w") as file:
        fields = file.create_group("HDFEOS/GRIDS/HYP/Data Fields")
        cube = fields.create_dataset("surface_reflectance", data=code(4).astype(np.float32))
        cube.attrs["wavelengths"] = np.array([400.0, 700.0, 1380.0, 2200.0])
        cube.attrs["fwhm"], cube.attrs["good_wavelengths"] = np.full(4, 5.5), np.array([1, 1, 0, 1])
        cube.attrs["_FillValue"] = np.float32(-9999.0)
        cloud = np.zeros((ROWS, COLS), np.uint8)
        cloud[1, 2] = 1
        fields.create_dataset("beta_cloud_mask", data=cloud)
        fields.create_dataset("beta_cirrus_mask", data=np.zeros((ROWS, COLS), np.uint8))
        fields.create_dataset("nodata_pixels", data=np.zeros((ROWS, COLS), np.uint8))
        file["HDFEOS/GRIDS/HYP"].attrs["epsg_code"] = np.int32(UTM_33)
        right, bottom = 600000.0 + 30.0 * COLS, 5800000.0 - 30.0 * ROWS
        text = f"\t\tUpperLeftPointMtrs=(600000.0,5800000.0)\n\t\tLowerRightMtrs=({right},{bottom})\n\t\tZoneCode=33\n"
        file.create_dataset("HDFEOS INFORMATION/StructMetadata.0", data=np.bytes_(text))
    return path


def aviris3(path: Path) -> Path:
    """An AVIRIS-3 orthorectified reflectance file of 4 bands on a rotated grid."""
    with netCDF4.Dataset(str(path), "w") as file:
        for axis, size in (("wavelength", 4), ("northing", ROWS), ("easting", COLS)):
            file.createDimension(axis, size)
        group = file.createGroup("reflectance")
        cube = group.createVariable("reflectance", "f4", ("wavelength", "northing", "easting"), fill_value=-9999.0)
        cube[:] = code(4)
        group.createVariable("wavelength", "f4", ("wavelength",))[:] = [400.0, 700.0, 1000.0, 2200.0]
        group.createVariable("fwhm", "f4", ("wavelength",))[:] = 7.5
        mapping = file.createVariable("transverse_mercator", "i1")
        mapping.setncattr("spatial_ref", wkt(UTM_33))
        mapping.setncattr("GeoTransform", "600000.0 21.0 21.0 5800000.0 21.0 -21.0")
    return path


_ENMAP_ROWS = ((423.0, 0), (950.0, 0), (990.0, 0), (905.0, 1), (955.0, 1), (1500.0, 1))  # centre, 1 = SWIR


def enmap(folder: Path, stem: str = "ENMAP01-____L2A-DT0000001_20230101T000000Z_001_V010401") -> Path:
    """An EnMAP L2A folder of 6 bands: image, masks and metadata; band 3 is dead."""
    cube = code(len(_ENMAP_ROWS)).astype(np.int16)
    write_raster(folder / f"{stem}-SPECTRAL_IMAGE.TIF", cube, nodata=-32768, geotransform=NORTH_UP, epsg=UTM_33)
    cloud = np.zeros((1, ROWS, COLS), np.uint8)
    cloud[0, 1, 2] = 1
    cirrus = np.zeros((1, ROWS, COLS), np.uint8)
    cirrus[0, 3, 4], cirrus[0, 3, 5] = 1, 3
    empty = np.zeros((1, ROWS, COLS), np.uint8)
    for name, mask in (("CLOUD", cloud), ("CLOUDSHADOW", empty), ("HAZE", empty), ("SNOW", cloud), ("CIRRUS", cirrus)):
        write_raster(folder / f"{stem}-QL_QUALITY_{name}.TIF", mask, geotransform=NORTH_UP, epsg=UTM_33)
    bands = "".join(
        f'<bandID number="{n}"><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand><FWHMOfBand>6.5</FWHMOfBand>'
        "<GainOfBand>1.0E-4</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>"
        for n, (nm, _) in enumerate(_ENMAP_ROWS, 1)
    )
    statistics = "".join(
        f'<bandID number="{n}"><mean>{-1000000 if n == 3 else 500}</mean>'
        f"<stdDeviation>{0 if n == 3 else 9}</stdDeviation></bandID>"
        for n in range(1, len(_ENMAP_ROWS) + 1)
    )
    lists = [",".join(str(n) for n, (_, d) in enumerate(_ENMAP_ROWS, 1) if d == detector) for detector in (0, 1)]
    (folder / f"{stem}-METADATA.XML").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<level_X xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<specific><bandCharacterisation>{bands}</bandCharacterisation>"
        f"<vnirProductQuality><expectedChannelsList>{lists[0]}</expectedChannelsList></vnirProductQuality>"
        f"<swirProductQuality><expectedChannelsList>{lists[1]}</expectedChannelsList></swirProductQuality></specific>"
        f"<product><bandStatistics>{statistics}</bandStatistics></product></level_X>",
        encoding="utf-8",
    )
    return folder


def desis(folder: Path) -> Path:
    """A DESIS L2A folder of 4 bands."""
    stem = "DESIS-HSI-L2A-DT0000001_001-20230101T000000-V0220"
    cube = code(4).astype(np.int16)
    write_raster(folder / f"{stem}-SPECTRAL_IMAGE.tif", cube, nodata=-32768, geotransform=NORTH_UP, epsg=UTM_33)
    flags = np.zeros((8, ROWS, COLS), np.uint8)
    flags[5, 1, 2], flags[0, 2, 2] = 1, 1  # cloud over land, shadow
    write_raster(folder / f"{stem}-QL_QUALITY-2.tif", flags, geotransform=NORTH_UP, epsg=UTM_33)
    bands = "".join(
        f"<band><bandNumber>{n}</bandNumber><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand>"
        "<wavelengthWidthOfBand>3.5</wavelengthWidthOfBand><gainOfBand>1.0E-4</gainOfBand><offsetOfBand>0</offsetOfBand>"
        "</band>"
        for n, nm in enumerate((402.0, 500.0, 700.0, 999.0), 1)
    )
    (folder / f"{stem}-METADATA.xml").write_text(
        f"<hsi_doc><base/><specific><interiorOrientation><band/></interiorOrientation><bandCharacterisation>{bands}"
        "</bandCharacterisation></specific></hsi_doc>",
        encoding="utf-8",
    )
    return folder


def landsat(folder: Path) -> Path:
    """A Landsat 8 level-2 folder of 7 bands."""
    stem = "LC08_L2SP_193023_20230101_20230110_02_T1"
    cube = code(7).astype(np.uint16)
    for number in range(1, 8):
        band = cube[number - 1 : number]
        write_raster(folder / f"{stem}_SR_B{number}.TIF", band, nodata=0, geotransform=NORTH_UP, epsg=UTM_33)
    quality = np.full((1, ROWS, COLS), 21824, np.uint16)  # clear land
    quality[0, 1, 2] = 22280  # cloud of high confidence: bit 3
    write_raster(folder / f"{stem}_QA_PIXEL.TIF", quality, geotransform=NORTH_UP, epsg=UTM_33)
    return folder


def hyperion(folder: Path) -> Path:
    """Some bands of a Hyperion L1T folder: 1 (not calibrated), 8, 57, 77 and 100."""
    stem = "EO1H1930232005001110KF"
    for number in (1, 8, 57, 77, 100):
        band = np.full((1, ROWS, COLS), number, np.int16)
        write_raster(folder / f"{stem}_B{number:03d}_L1T.TIF", band, geotransform=NORTH_UP, epsg=UTM_33)
    (folder / f"{stem}_MTL_L1T.TXT").write_text(
        "GROUP = RADIANCE_SCALING\n  SCALING_FACTOR_VNIR = 40\n  SCALING_FACTOR_SWIR = 80\nEND_GROUP\n"
    )
    return folder


def sentinel2(folder: Path) -> Path:
    """A Sentinel-2 L2A folder of three bands of 20 m and one of 10 m; images are GeoTIFFs under the names of JP2s."""
    safe = folder / "S2A_MSIL2A_20230101T101010_N0509_R022_T33UUU_20230101T121212.SAFE"
    images = safe / "GRANULE" / "L2A_T33UUU" / "IMG_DATA"
    fine = (600000.0, 15.0, 0.0, 5800000.0, 0.0, -15.0)
    for name, factor, place in (("B04", 1, NORTH_UP), ("B05", 1, NORTH_UP), ("B11", 1, NORTH_UP), ("B08", 2, fine)):
        metres = {1: 20, 2: 10}[factor]
        target = images / f"R{metres}m"
        target.mkdir(parents=True, exist_ok=True)
        band = np.full((1, ROWS * factor, COLS * factor), 1000 * int(name[1:]), np.uint16)
        write_raster(target / f"T33UUU_20230101T101010_{name}_{metres}m.jp2", band, geotransform=place, epsg=UTM_33)
    classes = np.full((1, ROWS, COLS), 4, np.uint8)
    classes[0, 1, 2] = 9
    write_raster(images / "R20m" / "T33UUU_20230101T101010_SCL_20m.jp2", classes, geotransform=NORTH_UP, epsg=UTM_33)
    spectra = "".join(
        f'<Spectral_Information bandId="0" physicalBand="{name}"><Wavelength><MIN unit="nm">{nm - 10}</MIN>'
        f'<MAX unit="nm">{nm + 10}</MAX><CENTRAL unit="nm">{nm}</CENTRAL></Wavelength></Spectral_Information>'
        for name, nm in (("B4", 664.6), ("B5", 704.1), ("B8", 832.8), ("B11", 1613.7))
    )
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{i}">-1000</BOA_ADD_OFFSET>' for i in range(13))
    (safe / "MTD_MSIL2A.xml").write_text(
        f'<n1:Level-2A xmlns:n1="x"><BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>{offsets}'
        f"{spectra}</n1:Level-2A>",
        encoding="utf-8",
    )
    return safe


def aviris_classic(folder: Path) -> Path:
    """An AVIRIS-Classic folder of 3 bands with its gains and wavelengths."""
    stem = "f170511t01p00r10"
    write_envi(folder / f"{stem}rdn_e_sc01_ort_img", code(3).astype(np.int16))
    (folder / f"{stem}rdn_e.gain").write_text("300.0 1\n300.0 2\n600.0 3\n")
    (folder / f"{stem}rdn_e.spc").write_text("400.0 9.5 0.1 0.1 1\n700.0 9.5 0.1 0.1 2\n1200.0 9.5 0.1 0.1 3\n")
    return folder
