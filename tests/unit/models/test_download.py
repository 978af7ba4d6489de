# SPDX-License-Identifier: GPL-2.0-or-later
"""Downloads over real HTTP on the loopback interface: resume, redirects, faults of servers and connections, cancel."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from special_qgis.engine.config import DownloadModelConfig
from special_qgis.engine.errors import Cancelled, ConfigError, DownloadError, ModelError, ModelFolderError
from special_qgis.engine.models import download
from special_qgis.engine.models.download import download_model
from special_qgis.engine.models.importing import Wish
from special_qgis.engine.models.library import InstalledModel, list_models
from special_qgis.engine.models.tasks import fetch_model
from special_qgis.engine.progress import NullProgress, Progress
from tests.helpers.checkpoint_files import clip_shapes, write_safetensors
from tests.helpers.file_server import Behaviour, FileServer
from tests.helpers.listener import Listener

SILENT = NullProgress()


def installed(folder: Path) -> List[InstalledModel]:
    """Models in a folder, without the one that ships with the plugin."""
    return [model for model in list_models(folder) if not model.is_demo]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_safetensors(tmp_path_factory.mktemp("c") / "x.safetensors", clip_shapes()).read_bytes()


@pytest.fixture
def server(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "_FIRST_PAUSE_S", 0.01)
    one = FileServer(Behaviour(content))
    yield one
    one.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def fetch(
    server: FileServer, folder: Path, progress: Progress = SILENT, path: str = "model.safetensors", **wish: Any
) -> InstalledModel:
    return download_model(server.url(path), folder, Wish(**wish), progress)


def files(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".models.lock")


def ranges(server: FileServer) -> List[str]:
    return [request.get("range", "") for request in server.requests]


def test_download_becomes_a_model_with_its_address(server: FileServer, folder: Path, content: bytes) -> None:
    listener = Listener()
    model = fetch(server, folder, listener, name="mine", sha256=hashlib.sha256(content).hexdigest())
    assert model.path.read_bytes() == content
    assert model.source == server.url()
    assert [found.name for found in installed(folder)] == ["mine"]
    assert files(folder) == ["mine.card.json", "mine.safetensors"]
    fractions = [fraction for fraction, _message in listener.progress]
    assert fractions == sorted(fractions)
    assert server.requests[0]["user-agent"].startswith("special_qgis/")


def test_download_broken_connections_go_on_where_they_broke(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.break_after = [1_000_000, 500_000]
    listener = Listener()
    assert fetch(server, folder, listener, name="mine").path.read_bytes() == content
    assert ranges(server) == ["", "bytes=1000000-", "bytes=1500000-"]
    assert server.requests[1]["if-range"] == '"first"'
    assert sum("broke" in info for info in listener.infos) == 2


def test_download_broken_without_a_validator_begins_anew(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.etag = ""
    server.behaviour.break_after = [1_000_000]
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert ranges(server) == ["", ""]


def test_download_broken_with_a_weak_validator_begins_anew(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.etag = 'W/"first"'
    server.behaviour.break_after = [1_000_000]
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert ranges(server) == ["", ""]


def test_download_from_server_that_ignores_ranges_begins_anew(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.honours_range = False
    server.behaviour.break_after = [1_000_000]
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert ranges(server) == ["", "bytes=1000000-"]


def test_download_goes_on_in_a_later_run(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.break_after = [1_000_000] + [0] * 10
    with pytest.raises(DownloadError, match="it ended after 1000000 of") as caught:
        fetch(server, folder, name="mine")
    assert "goes on where it stopped" in caught.value.hint
    assert len(server.requests) == 5, "one that brought bytes and four that did not"
    server.behaviour.break_after = []
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert ranges(server)[-1] == "bytes=1000000-"


def test_download_of_a_file_that_changed_meanwhile_begins_anew(
    server: FileServer, folder: Path, content: bytes, tmp_path: Path
) -> None:
    server.behaviour.break_after = [1_000_000] + [0] * 10
    with pytest.raises(DownloadError):
        fetch(server, folder, name="mine")
    other = write_safetensors(tmp_path / "other.safetensors", clip_shapes(), fill=7).read_bytes()
    server.behaviour = Behaviour(other, etag='"second"')
    assert fetch(server, folder, name="mine").path.read_bytes() == other


def test_download_of_a_file_that_shrank_meanwhile_begins_anew(server: FileServer, folder: Path, tmp_path: Path) -> None:
    server.behaviour.break_after = [2_000_000] + [0] * 10
    with pytest.raises(DownloadError):
        fetch(server, folder, name="mine")
    small = write_safetensors(tmp_path / "up.safetensors", {"upsampler.up.range_proj.0.weight": (32, 3, 1, 1)})
    server.behaviour = Behaviour(small.read_bytes())  # the same ETag, but nothing at that position: 416
    assert fetch(server, folder, name="mine").path.read_bytes() == small.read_bytes()


def test_download_complete_but_not_yet_imported_needs_no_network(
    server: FileServer, folder: Path, content: bytes
) -> None:
    listener = Listener(cancel_on="Checking")
    with pytest.raises(Cancelled):
        fetch(server, folder, listener, name="mine")
    n_requests = len(server.requests)
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert len(server.requests) == n_requests


def test_download_follows_redirects_and_resumes_through_them(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.redirect_to = server.url("elsewhere/model.safetensors?token=1")
    server.behaviour.break_after = [1_000_000]
    assert fetch(server, folder, path="a/moved", name="mine").path.read_bytes() == content
    assert [request["path"] for request in server.requests] == ["/a/moved", "/elsewhere/model.safetensors?token=1"] * 2
    assert ranges(server)[-1] == "bytes=1000000-"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_download_redirected_to_another_scheme_is_refused(server: FileServer, folder: Path, target: str) -> None:
    server.behaviour.redirect_to = target
    with pytest.raises(DownloadError):
        fetch(server, folder, path="moved")
    assert files(folder) == []


def test_download_endless_redirects_end(server: FileServer, folder: Path) -> None:
    server.behaviour.redirect_to = server.url("again/moved")
    with pytest.raises(DownloadError):
        fetch(server, folder, path="moved")
    assert len(server.requests) <= 20


@pytest.mark.parametrize(("status", "hint"), [(404, "address may have changed"), (403, "browser"), (401, "login")])
def test_download_refused_by_the_server_is_not_tried_again(
    server: FileServer, folder: Path, status: int, hint: str
) -> None:
    server.behaviour.status = status
    with pytest.raises(DownloadError, match=f"the server answered {status}") as caught:
        fetch(server, folder)
    assert hint in caught.value.hint
    assert len(server.requests) == 1
    assert files(folder) == []


def test_download_from_busy_server_is_tried_again(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.status, server.behaviour.n_errors = 503, 2
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert len(server.requests) == 3


def test_download_wrong_hash_names_wanted_and_got_and_leaves_nothing(
    server: FileServer, folder: Path, content: bytes
) -> None:
    with pytest.raises(ModelError) as caught:
        fetch(server, folder, sha256="ab" * 32)
    assert "ab" * 32 in caught.value.message
    assert hashlib.sha256(content).hexdigest() in caught.value.message
    assert "model.safetensors" in caught.value.message
    assert files(folder) == []


def test_download_longer_than_declared_is_cut_and_refused(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.declared_length = len(content) - 10
    with pytest.raises(ModelError, match="bytes long, but its header describes"):
        fetch(server, folder)
    assert files(folder) == []


def test_download_shorter_than_declared_is_no_whole_file(server: FileServer, folder: Path, content: bytes) -> None:
    server.behaviour.declared_length = len(content) + 10
    server.behaviour.etag = ""
    with pytest.raises(DownloadError, match=f"it ended after {len(content)} of {len(content) + 10} bytes"):
        fetch(server, folder)


def test_download_without_declared_length_is_judged_by_its_content(
    server: FileServer, folder: Path, content: bytes
) -> None:
    server.behaviour.declared_length = -1
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    server.behaviour.break_after = [len(content) - 10]
    with pytest.raises(ModelError, match="its header describes"):
        fetch(server, folder, name="other")


def test_download_of_a_web_page_is_refused_and_names_the_file(server: FileServer, folder: Path) -> None:
    server.behaviour.content = b"<!DOCTYPE html><html>Log in to go on</html>"
    with pytest.raises(ModelError, match=r"^model\.safetensors is a web page"):
        fetch(server, folder)
    assert files(folder) == []


def test_download_cancelled_while_bytes_arrive_ends_within_a_second_and_goes_on_later(
    server: FileServer, folder: Path, content: bytes
) -> None:
    server.behaviour.pause_s = 0.05
    listener = Listener(cancel_on="Downloading")
    with pytest.raises(Cancelled):
        fetch(server, folder, listener, name="mine")
    assert listener.since_cancel_s() < 1.0
    assert installed(folder) == []
    server.behaviour.pause_s = 0.0
    assert fetch(server, folder, name="mine").path.read_bytes() == content
    assert ranges(server)[-1].startswith("bytes=")


def test_download_cancelled_while_the_server_is_silent_ends_within_a_second(server: FileServer, folder: Path) -> None:
    server.behaviour.pause_s = 20.0
    listener = Listener()
    timer = threading.Timer(0.3, listener.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        fetch(server, folder, listener)
    assert listener.since_cancel_s() < 1.0


def test_download_from_nowhere_gives_up_after_some_attempts(folder: Path, server: FileServer) -> None:
    address = server.url()
    server.close()
    started = time.monotonic()
    try:
        with pytest.raises(DownloadError, match="refused") as caught:
            download_model(address, folder, Wish(), NullProgress())
        assert "proxy" in caught.value.hint
        assert time.monotonic() - started < 10.0
    finally:
        server.__init__(server.behaviour)  # type: ignore[misc] - the fixture closes it once more


def test_download_goes_through_the_proxy(server: FileServer, folder: Path, content: bytes) -> None:
    proxy = server.url("")
    model = download_model("http://models.invalid/x.safetensors", folder, Wish(name="mine"), NullProgress(), proxy)
    assert model.path.read_bytes() == content
    assert server.requests[0]["path"] == "http://models.invalid/x.safetensors"


def test_download_through_socks_proxy_is_refused_without_its_password(server: FileServer, folder: Path) -> None:
    with pytest.raises(ConfigError, match="socks5h://host") as caught:
        download_model(server.url(), folder, Wish(), NullProgress(), "socks5h://me:secret@host:1080")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://x/y", "C:\\x.pt", "https://", "nonsense"])
def test_download_from_what_is_no_web_address_is_refused(folder: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="must begin with https"):
        download_model(url, folder, Wish(), NullProgress())


def test_download_to_a_disk_too_small_is_refused_before_the_body(
    server: FileServer,
    tiny_disk: Path,
) -> None:
    with pytest.raises(ModelFolderError, match="MB free; the file needs"):
        fetch(server, tiny_disk / "models")


def test_download_that_fills_the_disk_says_so(
    server: FileServer,
    tiny_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "require_space", lambda folder, n_bytes: None)
    with pytest.raises(ModelFolderError, match="is full"):
        fetch(server, tiny_disk / "models")
    assert installed(tiny_disk / "models") == []


def test_fetch_known_checkpoint_without_address_names_its_page(folder: Path) -> None:
    with pytest.raises(DownloadError, match=r"github\.com/likyoo/SegEarth-OV"):
        fetch_model(DownloadModelConfig("simfeatup-jbu-one", folder=str(folder)), NullProgress())
    with pytest.raises(ConfigError, match="neither a known checkpoint nor an address"):
        fetch_model(DownloadModelConfig("nonsense", folder=str(folder)), NullProgress())


def test_fetch_address_gives_the_model(server: FileServer, folder: Path) -> None:
    config = DownloadModelConfig(server.url(), name="mine", licence="mine too", folder=str(folder))
    result = fetch_model(config, NullProgress())
    assert (result["name"], result["licence"], result["kind"]) == ("mine", "mine too", "clip")


def begin(server: FileServer, folder: Path) -> None:
    """Half a download, broken off for good."""
    server.behaviour.break_after = [20_000, 0, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        fetch(server, folder)
    server.requests.clear()
    server.behaviour.break_after = []


@pytest.mark.parametrize("etag", ['"second"', '"first"', ""], ids=["other-version", "other-length", "no-version"])
def test_download_other_file_whose_server_ignores_if_range_is_fetched_from_the_start(
    server: FileServer, folder: Path, tmp_path: Path, etag: str
) -> None:
    begin(server, folder)
    layers = 2 if etag == '"second"' else 1
    other = write_safetensors(tmp_path / "y", clip_shapes(layers=layers), fill=1).read_bytes()
    server.behaviour.content, server.behaviour.etag = other, etag
    server.behaviour.ignores_if_range = True
    assert fetch(server, folder).path.read_bytes() == other
    assert ranges(server)[0].startswith("bytes=")
    assert ranges(server)[-1] == ""


def test_download_of_unknown_hash_says_so_before_the_model_is_used(
    server: FileServer, folder: Path, content: bytes
) -> None:
    told, silent = Listener(), Listener()
    sha256 = hashlib.sha256(content).hexdigest()
    fetch(server, folder, told, name="mine")
    fetch(server, folder / "2", silent, name="mine", sha256=sha256)
    assert [text for text in told.warnings if sha256 in text]
    assert silent.warnings == []


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://[::1", id="bracket"),
        pytest.param("http://" + "a" * 64 + ".example", id="long-label"),
        pytest.param("http://" + "ä" * 300, id="long-label-of-letters"),
        pytest.param("http://127.0.0.1:99999/x", id="port"),
        pytest.param("http://127.0.0.1:port/x", id="port-of-letters"),
        pytest.param("http://127.0.0.1:" + "9" * 5000, id="port-of-many-digits"),
        pytest.param("http:///x", id="no-server"),
        pytest.param("https://a b/x", id="blank"),
        pytest.param("http://user:s3cret@127.0.0.1/x", id="password"),
        pytest.param("http://127.0.0.1/\udc80", id="surrogate"),
        pytest.param("ftp://127.0.0.1/x", id="other-protocol"),
    ],
)
def test_download_bad_address_is_refused_at_once(folder: Path, url: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        download_model(url, folder, Wish(), SILENT)
    assert time.monotonic() - begun < 1
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_download_address_with_other_letters_is_asked_for(server: FileServer, folder: Path) -> None:
    model = fetch(server, folder, path="Flächen und mehr.safetensors", name="mine")
    assert server.requests[0]["path"] == "/Fl%C3%A4chen%20und%20mehr.safetensors"
    assert model.name == "mine"


@pytest.mark.parametrize(
    "proxy",
    ["http://[::1", "http://me:s3cret@host:port", "http://", "socks5://me:s3cret@host", "http://me:s3cret@h h:1"],
)
def test_download_malformed_proxy_is_refused_without_its_password(server: FileServer, folder: Path, proxy: str) -> None:
    with pytest.raises(ConfigError, match="proxy") as caught:
        download_model(server.url(), folder, Wish(), SILENT, proxy)
    assert "s3cret" not in str(caught.value)


def test_download_malformed_proxy_of_the_environment_shows_no_password(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:s3cret@127.0.0.1:s3cret")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DownloadError) as caught:
        fetch(server, folder)
    assert "s3cret" not in str(caught.value)


def test_download_token_of_the_address_reaches_no_card_message_or_file(server: FileServer, folder: Path) -> None:
    listener = Listener()
    model = fetch(server, folder, listener, path="model.safetensors?token=s3cret", name="mine")
    assert server.requests[0]["path"].endswith("?token=s3cret")
    assert "s3cret" not in model.source
    assert all(b"s3cret" not in path.read_bytes() for path in folder.iterdir())
    server.behaviour.status = 404
    with pytest.raises(DownloadError) as caught:
        fetch(server, folder, listener, path="other.safetensors?token=s3cret")
    told = [str(caught.value), *listener.infos, *listener.warnings, *(text for _, text in listener.progress)]
    assert "s3cret" not in " ".join(told)


@pytest.mark.parametrize("length", ["9" * 5000, "-5", "1e3"], ids=["digits", "negative", "real"])
def test_download_length_that_is_none_is_no_fault(
    server: FileServer, folder: Path, content: bytes, length: str
) -> None:
    server.behaviour.length_text = length
    assert fetch(server, folder, name="mine").path.read_bytes() == content
