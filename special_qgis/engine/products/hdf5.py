# SPDX-License-Identifier: GPL-2.0-or-later
"""HDF5 files, netCDF-4 among them, through GDAL's multidimensional interface: arrays, parts of arrays, attributes.

GDAL 3.6 ends the process where it opens an array whose attribute ``DIMENSION_LABELS`` (in any case) is one text, as in
NEON's products; such arrays are read through the classic sub-dataset, whose axes are known by their lengths.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, gdal_array

from ..errors import InputError, RasterReadError
from ..rasters.gdal_exceptions import use_exceptions
from ..rasters.text import metadata
from ..texts.decoding import as_text
from ..windows import Window
from .candidate import base_name, first_bytes
from .xml_tree import to_number

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEPTH = 8
_DRIVERS = ["HDF5", "netCDF"]  # the first leaves files called .nc to the second


def is_hdf5(path: str) -> bool:
    """Whether a file begins as HDF5 does."""
    return first_bytes(path, len(_SIGNATURE)) == _SIGNATURE


class Hdf5File:
    """An open HDF5 file; names of arrays and groups are full paths."""

    def __init__(self, path: str) -> None:
        """Open a file.

        Raises:
            RasterReadError: GDAL cannot open it.
        """
        use_exceptions()
        self.path = path
        self.name = base_name(path)
        try:
            self._dataset = gdal.OpenEx(path, gdal.OF_MULTIDIM_RASTER, allowed_drivers=_DRIVERS)
            self._root = self._dataset.GetRootGroup()
            self.arrays: Tuple[str, ...] = tuple(_array_names(self._root, "", _DEPTH))
        except (RuntimeError, AttributeError) as error:
            raise RasterReadError(
                f"{path} cannot be opened as HDF5: {error}.", "The file may be cut off; download it again."
            ) from error

    def items(self) -> Dict[str, str]:
        """All attributes of the file, as GDAL's classic interface lists them: value by path and name.

        Raises:
            RasterReadError: The file is damaged.
        """
        try:
            return metadata(gdal.OpenEx(self.path, gdal.OF_RASTER, allowed_drivers=_DRIVERS))
        except RuntimeError as error:
            raise RasterReadError(f"{self.path} cannot be read: {error}.", _AGAIN) from error

    def has(self, name: str) -> bool:
        """Whether there is an array of a full name."""
        return name in self.arrays

    def find(self, ending: str) -> Optional[str]:
        """First array whose full name has an ending."""
        return next((name for name in self.arrays if name.endswith(ending)), None)

    def require(self, ending: str) -> str:
        """First array whose full name has an ending.

        Raises:
            InputError: There is none.
        """
        found = self.find(ending)
        if found is None:
            raise self._lack(ending)
        return found

    def shape(self, name: str) -> Tuple[int, ...]:
        """Lengths of an array's axes."""
        return tuple(int(axis.GetSize()) for axis in self._open(name).GetDimensions())

    def dtype(self, name: str) -> Any:
        """NumPy type of an array.

        Raises:
            InputError: It holds no numbers.
        """
        kind = self._open(name).GetDataType()
        if kind.GetClass() != gdal.GEDTC_NUMERIC:
            raise InputError(f"{name} in {self.name} holds no numbers.", "Download the product again.")
        return np.dtype(gdal_array.GDALTypeCodeToNumericTypeCode(kind.GetNumericDataType()))

    def read(
        self, name: str, start: Optional[Sequence[int]] = None, count: Optional[Sequence[int]] = None
    ) -> NDArray[Any]:
        """An array or a part of it.

        Args:
            name: Full name.
            start: First index of each axis; None = 0.
            count: Length along each axis; None = all.

        Raises:
            RasterReadError: The file is damaged.
        """
        dtype = self.dtype(name)
        counts = list(count) if count is not None else list(self.shape(name))
        starts = list(start) if start is not None else [0] * len(counts)
        try:
            data = self._open(name).Read(starts, counts)
        except RuntimeError as error:
            raise RasterReadError(
                f"{name} in {self.path} cannot be read: {error}.", "The file is damaged; download it again."
            ) from error
        if data is None:
            raise RasterReadError(f"{name} in {self.path} cannot be read.", "The file is damaged; download it again.")
        return np.frombuffer(data, dtype).reshape(counts)

    def cube_part(self, name: str, window: Window) -> NDArray[np.float32]:
        """(bands, rows, cols) float32 values of a window of an array of bands, rows and columns.

        Raises:
            RasterReadError: The file is damaged.
        """
        start, count = (0, window.row_off, window.col_off), (self.shape(name)[0], window.rows, window.cols)
        return self.read(name, start, count).astype(np.float32, copy=False)

    def fill_value(self, name: str) -> Optional[float]:
        """Value of an array that means no data; None = it states none."""
        return None if self.attribute(name, "_FillValue") is None else self.number(name, "_FillValue")

    def numbers(self, name: str, n: Optional[int] = None) -> NDArray[np.float64]:
        """A small array of numbers as one row.

        Args:
            name: Full name.
            n: Numbers that there must be; None = any.

        Raises:
            InputError: There is no such array, or it has another length.
        """
        if not self.has(name):
            raise self._lack(name)
        if int(np.prod(self.shape(name))) > 10_000:
            raise InputError(f"{name} in {self.name} is no list of bands.", "Download the product again.")
        values = self.read(name).astype(np.float64).ravel()
        return self._counted(values, name, n)

    def string(self, name: str) -> str:
        """An array of one text, or of one number, as text.

        Raises:
            InputError: There is none.
        """
        if not self.has(name):
            raise self._lack(name)
        try:
            value = self._open(name).Read()
        except RuntimeError as error:
            raise RasterReadError(f"{name} in {self.path} cannot be read: {error}.", _AGAIN) from error
        if isinstance(value, (bytes, bytearray)):
            return str(self.numbers(name)[0]) if self.dtype(name) is not None else ""
        while isinstance(value, (list, tuple)) and value:
            value = value[0]
        return as_text(value).strip("\0 ")

    def attribute(self, owner: str, name: str) -> Any:
        """An attribute of a group ("" = the file) or an array, as text, number or list; None = there is none."""
        try:
            holder = self._open(owner) if owner in self.arrays else self._group(owner)
            found = holder.GetAttribute(name)
            return None if found is None else found.Read()
        except (RuntimeError, AttributeError):  # GDAL raises where an attribute is not there
            return None

    def text(self, owner: str, name: str) -> str:
        """An attribute as text; "" = there is none."""
        value = self.attribute(owner, name)
        return "" if value is None else str(value[0] if isinstance(value, (list, tuple)) and value else value).strip()

    def number(self, owner: str, name: str) -> float:
        """An attribute as a number.

        Raises:
            InputError: There is none.
        """
        values = self.list_of_numbers(owner, name)
        if values.size == 0:
            raise self._lack(name)
        return to_number(repr(float(values[0])), f"{name} of {self.name}")

    def list_of_numbers(self, owner: str, name: str, n: Optional[int] = None) -> NDArray[np.float64]:
        """An attribute as numbers, which may be written as text with blanks or commas between them.

        Raises:
            InputError: There is no such attribute, or it holds something else.
        """
        value = self.attribute(owner, name)
        if value is None:
            raise self._lack(name)
        if isinstance(value, str):
            value = value.strip("[]{}() ").replace(",", " ").split()
        try:
            values = np.atleast_1d(np.asarray(value, np.float64)).ravel()
        except (TypeError, ValueError) as error:
            raise InputError(f"The attribute {name} of {self.name} is no list of numbers.", _AGAIN) from error
        return self._counted(values, name, n)

    def _counted(self, values: NDArray[np.float64], name: str, n: Optional[int]) -> NDArray[np.float64]:
        if n is not None and values.size != n:
            raise InputError(f"{name} in {self.name} has {values.size} entries; {n} are expected.", _AGAIN)
        return values

    def _group(self, name: str) -> Any:
        return self._root.OpenGroupFromFullname(name) if name else self._root

    def _open(self, name: str) -> Any:
        try:
            found = self._root.OpenMDArrayFromFullname(name)
        except RuntimeError as error:
            raise RasterReadError(f"{name} in {self.path} cannot be opened: {error}.", _AGAIN) from error
        if found is None:
            raise self._lack(name)
        return found

    def _lack(self, what: str) -> InputError:
        return InputError(f"{self.name} has no {what}.", _AGAIN)


_AGAIN = "The product is damaged or of another version; download it again."


def _array_names(group: Any, path: str, depth: int) -> List[str]:
    names = [f"{path}/{name}" for name in group.GetMDArrayNames(["SHOW_ALL=YES"]) or ()]
    if depth > 0:
        for name in group.GetGroupNames() or ():
            names += _array_names(group.OpenGroup(name), f"{path}/{name}", depth - 1)
    return names
