# SPDX-License-Identifier: GPL-2.0-or-later
"""All outputs of a job, written aside and moved into place together when everything is whole.

Each output grows in a hidden folder beside its target, so on the same file system. ``commit`` replaces the targets;
leaving without it, by error, cancel or end of the program, leaves the targets as they were and removes what grew.
Sidecars of a replaced raster that would describe the old one (statistics, overviews, style) go with it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Type

import numpy.typing as npt
from osgeo import gdal

from ..errors import ConfigError, RasterWriteError
from ..files.data_folder import expand_home
from ..rasters.gdal_exceptions import use_exceptions
from ..rasters.opening import Grid
from ..rasters.text import files_of
from ..rasters.whole_files import check_unchanged, state_of
from ..texts.plain_text import shorten
from .abandoned import remove_abandoned, sign_folder
from .moves import Move, MoveError, TornError, carry_out, is_unfinished
from .partial import make_partial_folder, remove_folder
from .raster_writer import STYLE_SUFFIX, RasterForm, RasterWriter, write_error

__all__ = ["OutputSet", "RasterWriter", "files_of_source"]

RASTER_SUFFIXES = (".tif", ".tiff")
_SHAPEFILE_SUFFIXES = (".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".sbx", ".qmd")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_LONGEST_NAME_BYTES = 240  # file systems take 255, of which sidecars need some
_LONGEST_PATH_BYTES = 3900


class _Output(NamedTuple):
    """One file that was reserved."""

    target: Path
    partial: Path  # where it grows; its folder holds nothing but it and its sidecars


class OutputSet:
    """Outputs that appear together or not at all.

    Args:
        inputs: Sources that the job reads, as GDAL takes them; no output may replace one of them or a file it uses.
    """

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        self._inputs = [file for source in inputs for file in files_of_source(source)]
        self._states = {file: state_of(file) for file in self._inputs}
        self._outputs: List[_Output] = []
        self._files: Dict[str, _Output] = {}  # those that are no rasters, by the path given
        self._writers: List[RasterWriter] = []
        self._folders: Dict[Path, Path] = {}  # hidden folder by folder of targets
        self._locks: List[Optional[int]] = []  # descriptors that say that the hidden folders are in use
        self._made_folders: List[Path] = []  # that did not exist before
        self._committed = False

    def __enter__(self) -> OutputSet:
        return self

    def __exit__(
        self,
        error_type: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._clean_up()

    def raster(
        self,
        path: str,
        grid: Grid,
        n_bands: int,
        dtype: npt.DTypeLike,
        nodata: Optional[float] = None,
        band_names: Optional[Sequence[str]] = None,
        description: str = "",
    ) -> RasterWriter:
        """Begin a GeoTIFF.

        Args:
            path: Target, ending with .tif or .tiff.
            grid: Size and georeferencing.
            n_bands: Number of bands.
            dtype: NumPy type of the values.
            nodata: Declared no-data value; None = none.
            band_names: Description of each band.
            description: What the raster shows.

        Raises:
            ConfigError: The path is not accepted or is that of an input or of another output.
            RasterWriteError: The folder cannot be written to.
        """
        if path.strip() and Path(path).suffix.lower() not in RASTER_SUFFIXES:
            raise ConfigError(
                f"The raster output {path} must end with .tif or .tiff; it ends with {Path(path).suffix!r}.",
                "Rename it; rasters are written as GeoTIFF.",
            )
        output = self._claim(path)
        form = RasterForm(grid, n_bands, dtype, nodata, band_names, description)
        writer = RasterWriter(output.partial, output.target, form)
        self._writers.append(writer)
        return writer

    def reserve(self, path: str) -> None:
        """Check now that an output that is no raster can be written at the end, before the work begins.

        Raises:
            ConfigError: The path is not accepted or is that of an input or of another output.
            RasterWriteError: The folder cannot be written to.
        """
        self._files[path] = self._claim(path)

    def place(self, path: str) -> Path:
        """Where another library is to write a reserved file, with whatever it puts beside it.

        Args:
            path: Path of a file that was reserved.

        Returns:
            A path that does not exist, in a folder of its own, with the target's name.
        """
        return self._files[path].partial

    def text(self, path: str, content: str) -> None:
        """Write a text file, UTF-8; as ``binary``."""
        self.binary(path, content.encode("utf-8"))

    def binary(self, path: str, content: bytes) -> None:
        """Write a file; once reserved or not.

        Raises:
            ConfigError: The path is not accepted or is that of an input or of another output.
            RasterWriteError: It cannot be written.
        """
        if path not in self._files:
            self.reserve(path)
        output = self._files[path]
        try:
            output.partial.write_bytes(content)
        except OSError as error:
            raise write_error(output.target, "written", str(error), True) from error

    def commit(self) -> None:
        """Finish all outputs and move them to their targets. On any failure the targets stay as they were.

        Raises:
            RasterWriteError: An output is not whole or cannot be moved; nothing has been changed.
            InputError: An input was changed while it was read, so that the outputs show no state of it.
        """
        if self._committed:
            return
        check_unchanged(self._states)
        for writer in self._writers:
            writer.close()
        moves = [move for output in self._outputs for move in _plan_moves(output)]
        for move in moves:
            if move.source is not None:
                _sync(move.source, move.target)
        try:
            carry_out(moves, list(self._folders.values()))
        except MoveError as error:
            raise _move_error(error) from error
        except TornError as error:
            raise RasterWriteError(
                f"The outputs could be neither moved into place nor taken back: {error}.",
                "Close other programs that use them and run it again in the same folder: it brings these to an end.",
            ) from error
        except OSError as error:
            raise write_error(self._outputs[0].target, "moved into place", str(error), True) from error
        self._committed = True

    def _claim(self, path: str) -> _Output:
        """Check a target and prepare the place where it grows."""
        target = _resolve_target(path)
        self._refuse_inputs(path, [target, *_sidecars(target)])
        if any(_same_file(target, other.target) for other in self._outputs):
            raise ConfigError(f"Two outputs have the path {path}; each needs its own.", "Rename one of them.")
        try:
            _check_replaceable(target)
            folder = self._partial_folder(target) / str(len(self._outputs))
            folder.mkdir()
        except OSError as error:
            if isinstance(error, RasterWriteError):
                raise
            raise write_error(target, "begun", str(error), True) from error
        self._outputs.append(_Output(target, folder / target.name))
        return self._outputs[-1]

    def _refuse_inputs(self, path: str, files: Sequence[Path]) -> None:
        for source in self._inputs:
            if any(_same_file(source, file) for file in files):
                raise ConfigError(
                    f"The output {path} would replace the input file {source}; an output needs a path of its own.",
                    "Choose another name or folder for the output.",
                )

    def _partial_folder(self, target: Path) -> Path:
        parent = target.parent
        if parent not in self._folders:
            missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
            parent.mkdir(parents=True, exist_ok=True)
            self._made_folders.extend(missing)
            remove_abandoned(parent)
            self._folders[parent] = make_partial_folder(target)
            self._locks.append(sign_folder(self._folders[parent]))
        return self._folders[parent]

    def _clean_up(self) -> None:
        for writer in self._writers:
            writer.discard()
        finished = [folder for folder in self._folders.values() if not is_unfinished(folder)]
        while self._locks:
            descriptor = self._locks.pop()
            if descriptor is not None:
                os.close(descriptor)
        for folder in finished:
            remove_folder(folder)  # what resists is ours by name and goes with the next run
        for folder in self._made_folders:
            if not self._committed and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def files_of_source(source: str) -> List[Path]:
    """Files that a source consists of, as far as GDAL knows; never fails, as reading it is not its task."""
    plain = Path(source.split("|", 1)[0])
    files = [plain] if _exists(plain) else []
    use_exceptions()
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        dataset = gdal.OpenEx(source)
        listed = files_of(dataset) if dataset is not None else []
    except RuntimeError:
        listed = []
    finally:
        gdal.PopErrorHandler()
    return files + [file for file in listed if _exists(file)]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a connection string or the like
        return False


def _resolve_target(path: str) -> Path:
    """The file that a path means, behind symbolic links, so that a link stays one."""
    if not path.strip() or path.startswith("/vsi") or "\0" in path or _ADDRESS.match(path):
        raise ConfigError(
            f"An output must be the path of a local file; got {shorten(path, 200)}.", "Choose a folder and a name."
        )
    target = Path(os.path.realpath(expand_home(path)))
    longest = max(len(os.fsencode(part)) for part in target.parts)
    if longest > _LONGEST_NAME_BYTES or len(os.fsencode(target)) > _LONGEST_PATH_BYTES:
        raise ConfigError(
            f"The path of an output is too long: {shorten(path, 200)}; a name may have {_LONGEST_NAME_BYTES} bytes.",
            "Choose a shorter name.",
        )
    return target


def _same_file(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def _check_replaceable(target: Path) -> None:
    """Find out early what would stop the commit: a folder of that name, a write-protected or locked file."""
    if target.exists() and not target.is_file():
        raise RasterWriteError(
            f"The output {target} cannot be written because a folder or device has that name; a file name is accepted.",
            "Choose another name.",
        )
    if target.exists():
        if not os.access(target, os.W_OK):
            raise PermissionError(f"{target.name} is write-protected")
        target.rename(target)  # does nothing, but Windows refuses it while another program has the file open


def _plan_moves(output: _Output) -> List[Move]:
    """Steps for one output: sidecars, then the file itself, then taking away sidecars of a former file."""
    made = sorted(output.partial.parent.iterdir(), key=lambda file: file == output.partial)
    moves = [Move(file, output.target.parent / file.name) for file in made]
    new = {move.target for move in moves}
    old = [file for file in _sidecars(output.target) if file not in new and file.is_file()]
    if not output.target.exists():  # then a style or world file may belong to another file of the same stem
        old = [file for file in old if file.name.startswith(output.target.name)]
    return moves + [Move(None, file) for file in old]


def _sidecars(target: Path) -> List[Path]:
    """Files that GDAL and QGIS apply to a raster or vector of this name; none for a text."""
    suffix = target.suffix.lower()
    if suffix == ".gpkg":  # of SQLite, which would apply changes meant for the file before
        return [target.with_name(target.name + end) for end in ("-wal", "-shm", "-journal")]
    if suffix == ".shp":
        return [target.with_suffix(end) for end in _SHAPEFILE_SUFFIXES]
    if suffix not in RASTER_SUFFIXES:
        return []
    by_name = [target.with_name(target.name + suffix) for suffix in (".aux.xml", ".ovr", ".msk", ".msk.ovr")]
    return [*by_name, target.with_suffix(STYLE_SUFFIX), target.with_suffix(".tfw")]


def _sync(file: Path, target: Path) -> None:
    """Force a finished file onto the disk: network and quota systems report only now that it does not fit."""
    try:
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
    except OSError as error:
        raise write_error(target, "stored", str(error), True) from error


def _move_error(error: MoveError) -> RasterWriteError:
    return RasterWriteError(
        f"The finished output {error.target} cannot be moved into place: {error.strerror or error}. "
        "All files that were there before are unchanged.",
        "Close other programs that use the file, remove the layer from QGIS, or choose another name.",
    )
