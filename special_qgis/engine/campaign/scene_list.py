# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenes of a campaign: files, globs, folders, lists and STAC item collections become named scenes.

Every scene gets a name that is a file name on any system and that no other scene has; its outputs are called by it.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence

from osgeo import gdal

from ..config import SceneConfig
from ..errors import InputError
from ..files.data_folder import expand_home
from ..progress import Progress, check_cancelled
from ..rasters.gdal_exceptions import use_exceptions
from .list_files import LIST_SUFFIXES, read_list
from .manifest import MANIFEST_NAME

__all__ = ["ListedScene", "find_scenes"]

FEWEST_BANDS = 8  # of a raster that a folder or a glob contributes; fewer are maps, masks and pictures
_MOST_NAME_CHARS = 80
_WILDCARDS = re.compile(r"[*?\[]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # names that Windows keeps for devices


class ListedScene(NamedTuple):
    """One scene of a campaign."""

    name: str  # no other scene's, whatever the case of letters
    scene: SceneConfig


class _Found(NamedTuple):
    """A scene before it has its final name."""

    name: str  # "" = by its file
    options: Mapping[str, Any]  # fields of SceneConfig, the source among them


def find_scenes(given: Sequence[str], common: SceneConfig, progress: Progress) -> List[ListedScene]:
    """All scenes of a campaign, in the order given; each source once.

    Args:
        given: Files, globs, folders, lists and STAC item collections.
        common: How to read every scene, where a list says nothing else.
        progress: Receives what was left out of folders and globs.

    Raises:
        InputError: A list cannot be understood, a file is not there, or there is no scene at all.
        ConfigError: A list gives an option a value that is not accepted.
        Cancelled: The user cancelled.
    """
    found = [one for text in given for one in _expand(text.strip(), progress)]
    scenes: Dict[str, ListedScene] = {}
    taken: Dict[str, str] = {}
    for one in found:
        check_cancelled(progress)
        scene = dataclasses.replace(common, **one.options)
        key = repr(scene.to_json())
        if key not in scenes:
            scenes[key] = ListedScene(_free_name(one.name or _stem(scene.source), taken), scene)
    if not scenes:
        raise InputError(
            f"There is no scene in {', '.join(given)}; folders and globs give rasters of {FEWEST_BANDS} bands or more.",
            "Name the files one by one, or in a text file with one path a line.",
        )
    return list(scenes.values())


def _expand(text: str, progress: Progress) -> Iterator[_Found]:
    """Scenes that one word of the list stands for."""
    path = expand_home(text)
    if path.is_dir() and not _is_raster(str(path)):
        yield from _rasters(sorted(path.iterdir()), progress)
    elif not path.exists() and _WILDCARDS.search(text) and not text.startswith("/vsi"):
        yield from _rasters(sorted(_matching(path)), progress)
    elif path.suffix.lower() in LIST_SUFFIXES and path.is_file():
        yield from (_Found(entry.name, entry.options) for entry in read_list(path))
    else:
        yield _Found("", {"source": str(path.absolute()) if path.exists() else _require_source(text)})


def _require_source(text: str) -> str:
    """A source that is no file of its own, such as a subdataset or a path on the network.

    Raises:
        InputError: It looks like a file, and there is none.
    """
    if text.startswith("/vsi") or ":" in text[2:]:
        return text
    raise InputError(
        f"There is no scene {text[:300]}: it is neither a file nor a folder, and no file matches it.",
        "Check the path; write a glob in quotes, and list scenes in a .txt or .csv file, one a line.",
    )


def _rasters(paths: Iterable[Path], progress: Progress) -> Iterator[_Found]:
    """Those of some files that are scenes; the others are reported."""
    for path in paths:
        check_cancelled(progress)
        if path.name.startswith(".") or path.suffix.lower() in LIST_SUFFIXES or not path.is_file() or _is_output(path):
            continue
        n_bands = _count_bands(str(path))
        if n_bands >= FEWEST_BANDS:
            yield _Found("", {"source": str(path.absolute())})
        elif n_bands:
            progress.info(f"{path.name} was left out: it has {n_bands} bands, and a scene {FEWEST_BANDS} or more.")


def _is_output(path: Path) -> bool:
    """Whether a file is what a campaign has written for a scene, such as the probabilities of many classes."""
    return path.name.startswith(f"{path.parent.name}_") and (path.parent / MANIFEST_NAME).is_file()


def _matching(pattern: Path) -> Iterator[Path]:
    """Files that match a glob; ``**`` stands for any folders."""
    fixed = Path(*itertools.takewhile(lambda part: not _WILDCARDS.search(part), pattern.parts))
    return fixed.glob(str(pattern.relative_to(fixed)))


def _is_raster(source: str) -> bool:
    return _count_bands(source) > 0


def _count_bands(source: str) -> int:
    """Number of bands of a raster; 0 where a file is none."""
    use_exceptions()
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        dataset = gdal.OpenEx(source, gdal.OF_RASTER)
        return int(dataset.RasterCount) if dataset is not None else 0
    except RuntimeError:  # no raster: a header, a text, a picture's sidecar
        return 0
    finally:
        gdal.PopErrorHandler()


def _stem(source: str) -> str:
    """A name by a source: its file's, without folder and extension."""
    last = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return last.partition(".")[0] if source.startswith("/vsi") else Path(last).stem


def _free_name(wanted: str, taken: Dict[str, str]) -> str:
    """A file name that no other scene has."""
    plain = re.sub(r"[^\w.+-]+", "_", wanted).strip("._ ")[:_MOST_NAME_CHARS].rstrip(".") or "scene"
    if _RESERVED.fullmatch(plain.partition(".")[0]):
        plain = f"scene_{plain}"
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}_{number}"
    taken[name.casefold()] = wanted
    return name
