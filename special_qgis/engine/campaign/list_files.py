# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of scenes in files: text with a path a line, CSV with options by scene, STAC item collections.

Paths are relative to the list. A STAC asset on the network becomes the path by which GDAL reads it.
Source of the last form: STAC specification 1.0.0, items, assets and item collections.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import unquote

from ..errors import InputError
from ..files.data_folder import expand_home
from ..texts.decoding import decode_file
from ..texts.plain_text import shorten

__all__ = ["LIST_SUFFIXES", "ListEntry", "read_list"]

_SCENE_COLUMNS = ("scene", "source", "path", "file")
_TEXT_COLUMNS = ("wavelengths", "sensor", "bad_bands", "quantity", "mask", "aoi", "aoi_layer")
_PATH_COLUMNS = ("mask", "aoi")
_COLUMNS = ("name", *_TEXT_COLUMNS, "extent", "drop_water_vapour")
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_NETWORK = {"http": "/vsicurl/{}", "https": "/vsicurl/{}"}  # the whole address
_BUCKETS = {"s3": "/vsis3/", "gs": "/vsigs/", "az": "/vsiaz/", "abfs": "/vsiaz/", "oss": "/vsioss/"}
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_NO_SCENES = ("thumbnail", "overview", "metadata", "visual")  # roles of assets that are not the scene
_RASTER_TYPES = ("image/", "application/x-hdf", "application/netcdf", "application/x-netcdf", "application/x-zarr")


class ListEntry(NamedTuple):
    """One scene of a list."""

    name: str  # "" = by its file
    options: Mapping[str, Any]  # fields of SceneConfig, the source among them


def read_list(path: Path) -> List[ListEntry]:
    """Scenes of a list, in its order.

    Args:
        path: A file with one of ``LIST_SUFFIXES``.

    Raises:
        InputError: It cannot be read or understood.
    """
    try:
        text = decode_file(path.read_bytes())
    except OSError as error:
        raise InputError(f"The list {path} cannot be read: {error}.", "Choose a file that can be read.") from error
    try:
        return list(_READERS[path.suffix.lower()](text, path))
    except csv.Error as error:
        raise InputError(f"The list {path} is malformed: {error}.", "Save it again as CSV.") from error


def _read_text(text: str, path: Path) -> Iterator[ListEntry]:
    """A path a line; empty lines and those that begin with # are passed over."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield ListEntry("", {"source": _resolve(line.strip(), path)})


def _read_csv(text: str, path: Path) -> Iterator[ListEntry]:
    """A scene a row; the first row names the columns."""
    lines = [line for line in text.splitlines() if line.strip()]
    head = lines[0] if lines else ""
    rows = csv.DictReader(lines, delimiter=max(",;\t", key=head.count))
    columns = {title: (title or "").strip().lower() for title in rows.fieldnames or ()}
    source_title = next((title for title, name in columns.items() if name in _SCENE_COLUMNS), None)
    unknown = [name for name in columns.values() if name not in (*_SCENE_COLUMNS, *_COLUMNS)]
    if source_title is None or unknown:
        what = f"has a column {shorten(unknown[0])}" if unknown else "has no column “scene”"
        raise InputError(
            f"The list {path} {what}; its columns must be scene and any of {', '.join(_COLUMNS)}.",
            "Name the columns in the first row.",
        )
    for number, row in enumerate(rows, start=2):
        values = {columns[title]: (row[title] or "").strip() for title in columns}
        source = (row[source_title] or "").strip()
        if not source:
            raise InputError(f"Row {number} of the list {path} names no scene.", "Fill it in or remove the row.")
        yield ListEntry(
            values.get("name", ""), {"source": _resolve(source, path), **_row_options(values, path, number)}
        )


def _row_options(values: Mapping[str, str], path: Path, number: int) -> Dict[str, Any]:
    """Fields of SceneConfig that a row fills in; an empty cell leaves the common option."""
    options: Dict[str, Any] = {name: values[name] for name in _TEXT_COLUMNS if values.get(name)}
    options.update({name: _resolve(options[name], path) for name in _PATH_COLUMNS if name in options})
    where = f"Row {number} of the list {path}"
    if values.get("extent"):
        options["extent"] = _parse_extent(values["extent"], where)
    if values.get("drop_water_vapour"):
        word = values["drop_water_vapour"].lower()
        if word not in (*_YES, *_NO):
            raise InputError(f"{where} has drop_water_vapour {shorten(word)}; yes or no is accepted.", "Correct it.")
        options["drop_water_vapour"] = word in _YES
    return options


def _parse_extent(text: str, where: str) -> Tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in re.split(r"[\s,;]+", text.strip()))
    except ValueError:
        numbers = ()
    if len(numbers) != 4:
        raise InputError(
            f"{where} has the extent {shorten(text)}; xmin ymin xmax ymax is accepted.", "Give four numbers."
        )
    return numbers


def _read_stac(text: str, path: Path) -> Iterator[ListEntry]:
    """Items of a STAC item collection, or one item."""
    try:
        content = json.loads(text)  # not parse_json: some servers write NaN
        items = content["features"] if content.get("type") == "FeatureCollection" else [content]
        found = [(str(item["id"]), dict(item["assets"])) for item in items]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a STAC item collection ({type(error).__name__}: {error}); it must be JSON of the type "
            "FeatureCollection whose features have an id and assets.",
            "Save the answer of a STAC search as it is, or list the scenes in a .txt file.",
        ) from error
    for name, assets in found:
        yield ListEntry(name, {"source": _resolve(_scene_address(name, assets, path), path)})


def _scene_address(item: str, assets: Mapping[str, Any], path: Path) -> str:
    """Address of the asset that is an item's scene: a raster with the role data, of several that with most bands."""
    usable = [asset for asset in assets.values() if isinstance(asset, dict) and asset.get("href")]
    candidates = [asset for asset in usable if _is_raster(asset) and not set(_roles(asset)) & set(_NO_SCENES)]
    candidates = [asset for asset in candidates if "data" in _roles(asset)] or candidates
    most = max((_n_bands(asset) for asset in candidates), default=0)
    best = [asset for asset in candidates if _n_bands(asset) == most]
    if len(best) != 1:
        found = f"{len(best)} assets that may be the scene" if best else "no asset that may be the scene"
        raise InputError(
            f"The item {item[:80]} of {path} has {found}, of {', '.join(assets)[:300] or 'none'}; one raster with the "
            "role data is accepted.",
            "List the scenes in a .txt file, one a line.",
        )
    return str(best[0]["href"])


def _roles(asset: Mapping[str, Any]) -> List[str]:
    return [str(role).lower() for role in asset.get("roles") or ()]


def _is_raster(asset: Mapping[str, Any]) -> bool:
    kind = str(asset.get("type") or "").lower()
    return kind.startswith(_RASTER_TYPES) if kind else "data" in _roles(asset)


def _n_bands(asset: Mapping[str, Any]) -> int:
    return max(len(asset.get(key) or ()) for key in ("bands", "eo:bands", "raster:bands"))


def _resolve(text: str, path: Path) -> str:
    """A source of a list as GDAL takes it: paths relative to the list, addresses by GDAL's file systems."""
    address = _ADDRESS.fullmatch(text)
    if address is not None:
        return _network_path(address.group(1).lower(), address.group(2), text)
    beside = path.absolute().parent / expand_home(text)
    is_source = text.startswith("/vsi") or (":" in text[2:] and not beside.exists())
    return text if is_source else str(beside)


def _network_path(scheme: str, rest: str, whole: str) -> str:
    if scheme == "file":
        local = "/" + unquote(rest.partition("/")[2])
        return local[1:] if re.match(r"/[A-Za-z]:", local) else local
    if scheme in _NETWORK:
        return _NETWORK[scheme].format(whole)
    bucket: Optional[str] = _BUCKETS.get(scheme)
    if bucket is None:
        raise InputError(
            f"The address {whole[:300]} begins with {scheme[:40]}://, which cannot be read; http, https, file, "
            f"{', '.join(_BUCKETS)} are accepted.",
            "Give a path that GDAL opens.",
        )
    return bucket + rest


_READERS: Mapping[str, Callable[[str, Path], Iterator[ListEntry]]] = {
    ".txt": _read_text,
    ".csv": _read_csv,
    ".json": _read_stac,
    ".geojson": _read_stac,
}
LIST_SUFFIXES = tuple(_READERS)
