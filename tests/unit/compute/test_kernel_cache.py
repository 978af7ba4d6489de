# SPDX-License-Identifier: GPL-2.0-or-later
"""Numba's cache never decides over a run, and code is taken only from where nobody else can put it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from special_qgis.engine.compute import kernel_cache

pytest.importorskip("numba")

KERNEL = """
import sys
from pathlib import Path
from special_qgis.engine.compute.compiled_kernels import has_numba
assert has_numba()
sys.path.insert(0, sys.argv[1])
import kernel
assert kernel.twice(21.0) == 42.0
assert kernel.twice(21) == 42
print("hits", sum(kernel.twice.stats.cache_hits.values()))
"""
SOURCE = "from numba import njit\n@njit(cache=True)\ndef twice(x):\n    return x + x\n"
REPOSITORY = Path(__file__).resolve().parents[3]


def run(folder: Path, cache: Path, prefix: str = "") -> subprocess.CompletedProcess[str]:
    """Use a kernel in a process of its own; after ``prefix``, a line of Python."""
    folder.mkdir(exist_ok=True)
    if not (folder / "kernel.py").exists():
        (folder / "kernel.py").write_text(SOURCE)
    (folder / "temporary").mkdir(exist_ok=True)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "TMPDIR": str(folder / "temporary")}
    done = subprocess.run(
        [sys.executable, "-c", prefix + KERNEL, str(folder)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((folder / "temporary").iterdir()) == []  # nothing left behind
    return done


def cached(cache: Path, suffix: str) -> List[Path]:
    return sorted(cache.rglob(f"*{suffix}"))


def test_kernel_second_process_takes_it_from_the_cache(tmp_path: Path) -> None:
    run(tmp_path / "a", tmp_path / "cache")
    done = run(tmp_path / "a", tmp_path / "cache")
    assert "hits 2" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("n_bytes", [0, -1], ids=["empty", "cut"])
def test_kernel_cut_off_file_is_deleted_and_the_kernel_compiled(tmp_path: Path, suffix: str, n_bytes: int) -> None:
    run(tmp_path / "a", tmp_path / "cache")
    for file in cached(tmp_path / "cache", suffix):
        content = file.read_bytes()
        file.write_bytes(content[:n_bytes])
    assert run(tmp_path / "a", tmp_path / "cache").stderr.count("compiling anew") == 1
    again = run(tmp_path / "a", tmp_path / "cache")
    assert "hits 2" in again.stdout
    assert again.stderr == ""


def test_kernel_full_disk_costs_only_the_compilation(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))\n"
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    done = run(tmp_path / "a", tmp_path / "cache", ignore + limit)
    assert done.stderr.count("compiling anew") == 1
    assert cached(tmp_path / "cache", ".nbc") == []


def test_kernel_cache_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "a", tmp_path / "file" / "cache").stderr.count("compiling anew") == 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owner and mode are a matter of Unix")
def test_prepare_folder_open_to_others_is_emptied_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "planted.nbi").write_text("code")
    folder.chmod(0o777)
    assert kernel_cache.prepare(folder) == ""
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owner and mode are a matter of Unix")
def test_prepare_folder_below_one_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    assert "others may replace it" in kernel_cache.prepare(tmp_path / "shared" / "cache")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owner and mode are a matter of Unix")
def test_prepare_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "belongs to another user" in kernel_cache.prepare(folder)
