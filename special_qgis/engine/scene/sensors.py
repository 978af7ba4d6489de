# SPDX-License-Identifier: GPL-2.0-or-later
"""Nominal band centres of known sensors, for files that state no wavelengths.

Every instrument drifts and is calibrated again, so these tables are a few nm off any one scene; they serve indices
tens of nm wide. Dispersion is smooth, so a table is kept as knots (band position, nm) with straight lines between,
which stays within 1 nm of the published centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..errors import SpectraError
from .spectra import FloatArray

Knots = Sequence[Tuple[float, float]]  # (position from 0, nm), ascending positions; the last position ends the table


@dataclass(frozen=True)
class Sensor:
    """Nominal spectral bands of a sensor, in the order that its products have."""

    key: str  # permanent id
    label: str  # name for people
    centres_nm: FloatArray  # (n,) float64, nm
    fwhm_nm: Optional[FloatArray]  # (n,) float64, nm; None = not stated
    source: str  # where the figures come from, and which product they describe
    other_products: Tuple[FloatArray, ...] = ()  # (m,) float64, nm: products with another number of bands

    @property
    def band_counts(self) -> Tuple[int, ...]:
        """Numbers of bands that the table fits."""
        return (int(self.centres_nm.size), *(int(centres.size) for centres in self.other_products))


def sensor_table(key: str, n_bands: int) -> Sensor:
    """The table of a sensor's product with a number of bands.

    Args:
        key: Key of ``SENSORS``.
        n_bands: Number of bands in the file.

    Returns:
        A sensor whose ``centres_nm`` has ``n_bands`` entries.

    Raises:
        SpectraError: The sensor is not known, or has no product with that many bands.
    """
    if key not in SENSORS:
        raise SpectraError(f"The sensor {key!r} is not known.", "Known sensors are: " + ", ".join(SENSORS) + ".")
    sensor = SENSORS[key]
    if sensor.centres_nm.size == n_bands:
        return sensor
    for centres in sensor.other_products:
        if centres.size == n_bands:
            return Sensor(sensor.key, sensor.label, centres, None, sensor.source)
    counts = " or ".join(str(count) for count in sensor.band_counts)
    raise SpectraError(
        f"The file has {n_bands} bands, but the table of {sensor.label} is for {counts}.",
        "Type the wavelengths, or choose another sensor.",
    )


def _table(*detectors: Knots) -> FloatArray:
    """Band centres from one list of knots per detector, one after the other."""
    parts: List[FloatArray] = []
    for knots in detectors:
        positions, values = zip(*knots)
        parts.append(np.interp(np.arange(int(positions[-1]) + 1), positions, values))
    return np.asarray(np.round(np.concatenate(parts), 2), dtype=np.float64)


def _even(first_nm: float, last_nm: float, n_bands: int) -> FloatArray:
    return np.asarray(np.round(np.linspace(first_nm, last_nm, n_bands), 2), dtype=np.float64)


_AVIRIS_CLASSIC = _table(
    ((0, 365.9), (31, 667.5)),
    ((0, 655.5), (32, 968.0), (63, 1263.2)),
    ((0, 1253.4), (62, 1871.2), (63, 1872.4)),
    ((0, 1866.8), (63, 2496.2)),
)

_ENMAP_VNIR = (
    (0, 418.24), (4, 439.60), (8, 458.88), (16, 496.35), (24, 535.27), (32, 576.99), (40, 622.73), (48, 672.93),
    (56, 727.32), (64, 785.84), (72, 847.60), (80, 911.72), (84, 944.22), (90, 993.48),
)  # fmt: skip
_ENMAP_SWIR = (
    (0, 902.26), (4, 941.53), (8, 982.85), (12, 1026.0), (20, 1116.79), (28, 1211.42), (36, 1307.27), (43, 1390.84),
    (44, 1461.46), (52, 1553.36), (60, 1642.41), (70, 1749.40), (71, 1759.83), (72, 1939.44), (82, 2032.99),
    (92, 2122.44), (102, 2208.12), (112, 2290.37), (122, 2369.45), (132, 2445.53),
)  # fmt: skip

_PRISMA_VNIR = (
    (0, 406.99), (1, 415.84), (2, 423.78), (4, 438.66), (8, 468.10), (16, 527.31), (24, 592.34), (32, 664.89),
    (40, 744.15), (48, 827.92), (56, 913.45), (62, 977.37),
)  # fmt: skip
_PRISMA_SWIR = (
    (0, 943.36), (4, 979.22), (12, 1057.57), (22, 1163.68), (32, 1273.50), (42, 1383.28), (52, 1491.43),
    (62, 1596.25), (72, 1697.29), (82, 1793.95), (91, 1878.74), (101, 1967.34), (111, 2053.01), (121, 2135.51),
    (131, 2214.63), (141, 2290.83), (151, 2364.59), (161, 2435.54), (170, 2497.12),
)  # fmt: skip

_EMIT = (
    (0, 381.01), (10, 455.17), (20, 529.53), (40, 678.55), (60, 827.75), (80, 976.99), (120, 1275.34),
    (160, 1573.32), (200, 1870.73), (220, 2019.19), (240, 2167.47), (260, 2315.53), (284, 2492.92),
)  # fmt: skip

# Centre and width by the spectral response of Sentinel-2A, bands B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12.
_SENTINEL_2_NM = np.array(
    [442.7, 492.7, 559.8, 664.6, 704.1, 740.5, 782.8, 832.8, 864.7, 945.1, 1373.5, 1613.7, 2202.4]
)
_SENTINEL_2_FWHM_NM = np.array([20.0, 65.0, 35.0, 30.0, 14.0, 14.0, 19.0, 105.0, 21.0, 19.0, 29.0, 90.0, 174.0])
_SENTINEL_2_L2A = _SENTINEL_2_NM[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]]
_SENTINEL_2_10_20_M = _SENTINEL_2_NM[[1, 2, 3, 4, 5, 6, 7, 8, 11, 12]]


def _sensors() -> Dict[str, Sensor]:
    prisma = _table(_PRISMA_VNIR, _PRISMA_SWIR)
    sensors = (
        Sensor(
            "aviris_classic", "AVIRIS-Classic", _AVIRIS_CLASSIC, np.full(224, 10.0),
            "Green et al. 1998, Remote Sensing of Environment 65:227-248, and JPL's spectral calibration files: four "
            "spectrometers of 32 + 64 + 64 + 64 channels, about 10 nm apart, in detector order",
        ),
        Sensor(
            "aviris_ng", "AVIRIS-NG", np.round(376.72 + 5.0087 * np.arange(425), 2), np.full(425, 5.6),
            "JPL AVIRIS-NG data distribution: 425 channels of Level 1 and 2 products, 377 to 2500 nm every 5 nm",
        ),
        Sensor(
            "enmap", "EnMAP", _table(_ENMAP_VNIR, _ENMAP_SWIR), None,
            "DLR, EnMAP L2A product metadata: 91 VNIR, then 133 SWIR bands of the 224-band image, overlapping",
        ),
        Sensor(
            "prisma", "PRISMA", prisma, None,
            "ASI, PRISMA Products Specification issue 2.3 and product metadata: 63 VNIR and 171 SWIR channels that "
            "hold data (234), ascending in each detector; 230 without the SWIR channels that VNIR repeats. The 239 "
            "channels of the HDF product include empty ones in no fixed place and are not accepted",
            (np.delete(prisma, np.arange(63, 67)),),
        ),
        Sensor(
            "desis", "DESIS", _table(((0, 401.43), (117, 701.31), (176, 852.36), (234, 999.98))), np.full(235, 3.5),
            "Krutz et al. 2019, Sensors 19:1622, and DLR's L2A metadata: 235 channels, 402 to 1000 nm every 2.55 nm",
        ),
        Sensor(
            "emit", "EMIT", _table(_EMIT), np.full(285, 8.5),
            "NASA LP DAAC, EMITL2ARFL version 1: 285 channels, 381 to 2493 nm every 7.4 nm",
        ),
        Sensor(
            "hyperion", "Hyperion", _table(((0, 355.59), (69, 1057.68)), ((0, 851.92), (171, 2577.08))),
            np.full(242, 11.0),
            "USGS, EO-1 Hyperion spectral coverage: channels 1-70 (VNIR) and 71-242 (SWIR) of Level 1 products",
        ),
        Sensor(
            "rosis", "ROSIS", _even(430.0, 860.0, 115), np.full(115, 4.0),
            "DLR, ROSIS-03: 115 channels, 430 to 860 nm every 4 nm; the products with 103 and 102 channels are taken "
            "as evenly spaced over the same range",
            (_even(430.0, 860.0, 103), _even(430.0, 860.0, 102)),
        ),
        Sensor(
            "casi_1500", "CASI-1500", _even(365.0, 1045.0, 288), None,
            "ITRES, CASI-1500: up to 288 programmable channels over 365 to 1050 nm; 144, 96, 72, 48 and 36 are taken "
            "as evenly summed over the range, as in the 2013 and 2018 IEEE GRSS data sets",
            tuple(_even(365.0, 1045.0, count) for count in (144, 96, 72, 48, 36)),
        ),
        Sensor(
            "hyspex_vnir_1800", "HySpex VNIR-1800", np.round(400.0 + 3.26 * np.arange(186), 2), np.full(186, 4.5),
            "Norsk Elektro Optikk, HySpex VNIR-1800: 400 to 1000 nm every 3.26 nm, 186 or 182 channels",
            (np.round(405.0 + 3.26 * np.arange(182), 2),),
        ),
        Sensor(
            "hyspex_swir_384", "HySpex SWIR-384", np.round(930.0 + 5.45 * np.arange(288), 2), np.full(288, 6.5),
            "Norsk Elektro Optikk, HySpex SWIR-384: 930 to 2500 nm every 5.45 nm, 288 channels",
        ),
        Sensor(
            "sentinel_2", "Sentinel-2", _SENTINEL_2_NM, _SENTINEL_2_FWHM_NM,
            "ESA, Sentinel-2 Spectral Response Functions (COPE-GSEG-EOPG-TN-15-0007), Sentinel-2A: 13 bands B1 to "
            "B12; 12 without B10; 10 without B1, B9 and B10; 4 of B2 B3 B4 B8",
            (_SENTINEL_2_L2A, _SENTINEL_2_10_20_M, _SENTINEL_2_NM[[1, 2, 3, 7]]),
        ),
    )  # fmt: skip
    return {sensor.key: sensor for sensor in sensors}


SENSORS: Mapping[str, Sensor] = _sensors()
