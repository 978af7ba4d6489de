# SPDX-License-Identifier: GPL-2.0-or-later
"""One HTTP request whose body arrives block by block, read by a thread so that a cancel never waits for the network."""

from __future__ import annotations

import http.client
import queue
import ssl
import threading
import urllib.error
import urllib.request
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Union
from urllib.parse import urlsplit

from ..errors import ConfigError, DownloadError
from ..progress import Progress, check_cancelled
from ..resources import plugin_version

BLOCK_BYTES = 256 * 1024
_POLL_S = 0.1  # between looks at the cancel button
_TIMEOUT_S = 30.0  # without a byte from the server
_QUEUED_BLOCKS = 16
_RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)


class BrokenTransferError(Exception):
    """The connection failed or broke; what has arrived so far is good, and another attempt may go on from there."""


class RangeRefusedError(BrokenTransferError):
    """The server has no bytes behind those that are there: they are of another file."""

    def __init__(self) -> None:
        super().__init__("the server has nothing behind what is there already")


class Answer(NamedTuple):
    """What the server said before the body."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    url: str  # after redirects


def check_url(url: str) -> str:
    """An address that can be downloaded from.

    Raises:
        ConfigError: It is none of http or https.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"The address must begin with https:// (or http://); got {url!r}.",
            "A file on this machine is imported by path.",
        )
    return url.strip()


class Transfer:
    """A request under way. Use it as a context; leaving it stops the thread.

    Args:
        url: Address.
        headers: Headers of the request.
        proxy: URL of the proxy; "" = that of the environment, if any.
        progress: Asked for a cancel while waiting.
    """

    def __init__(self, url: str, headers: Mapping[str, str], proxy: str, progress: Progress) -> None:
        self._progress = progress
        self._request = urllib.request.Request(
            url, headers={"User-Agent": f"special_qgis/{plugin_version()}", "Accept-Encoding": "identity", **headers}
        )
        self._opener = _make_opener(proxy)
        self._items: queue.Queue[Union[Answer, bytes, Exception, None]] = queue.Queue(_QUEUED_BLOCKS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="special-download", daemon=True)

    def __enter__(self) -> Transfer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()  # a thread that waits for the network ends at its time limit; nobody waits for it

    def answer(self) -> Answer:
        """What the server says.

        Raises:
            BrokenTransferError: It cannot be reached at the moment.
            DownloadError: It refuses.
            Cancelled: The listener asked to stop.
        """
        item = self._next()
        if not isinstance(item, Answer):
            raise BrokenTransferError("the server sent nothing")
        return item

    def blocks(self) -> Iterator[bytes]:
        """The body, in blocks.

        Raises:
            BrokenTransferError: The connection broke.
            Cancelled: The listener asked to stop.
        """
        while True:
            item = self._next()
            if item is None:
                return
            if isinstance(item, bytes):
                yield item

    def _next(self) -> Union[Answer, bytes, None]:
        while True:
            check_cancelled(self._progress)
            try:
                item = self._items.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(item, Exception):
                raise item
            return item

    def _read(self) -> None:
        """Runs in the thread."""
        try:
            with self._opener.open(self._request, timeout=_TIMEOUT_S) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                self._put(Answer(response.status, headers, response.url))
                while not self._stop.is_set():
                    block = response.read1(BLOCK_BYTES)
                    if not block:
                        break
                    self._put(block)
            self._put(None)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, who sorts it out
            self._put(_explained(error, self._request.full_url))

    def _put(self, item: Union[Answer, bytes, Exception, None]) -> None:
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, and never from the latter to the former."""

    def redirect_request(
        self, req: urllib.request.Request, fp: object, code: int, msg: str, headers: object, newurl: str
    ) -> Optional[urllib.request.Request]:
        """The request to follow with."""
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            raise DownloadError(
                f"{req.full_url} redirects to {newurl}, which is not followed.",
                "Download the file in a browser and import it.",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _make_opener(proxy: str) -> urllib.request.OpenerDirector:
    handlers = [_CarefulRedirects(), urllib.request.HTTPSHandler(context=ssl.create_default_context())]
    if proxy:
        if urlsplit(proxy).scheme not in ("http", "https"):
            raise ConfigError(
                f"Downloads cannot go through the proxy {_without_password(proxy)}; HTTP proxies are supported.",
                "Download the file in a browser and import it.",
            )
        return urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy}), *handlers)
    return urllib.request.build_opener(*handlers)


def _without_password(proxy: str) -> str:
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.hostname}"


_STATUS_HINTS: Dict[int, str] = {
    401: "The page asks for a login: download the file in a browser and import it.",
    403: "The page asks for a login or consent: download the file in a browser and import it.",
    404: "The address may have changed: look on the page of the checkpoint, and give the new one.",
    407: "Set user and password of the proxy in QGIS's network options.",
}


def _explained(error: Exception, url: str) -> Exception:
    """The error to raise where the body is waited for."""
    if isinstance(error, (DownloadError, ConfigError)):
        return error
    if isinstance(error, urllib.error.HTTPError):
        if error.code == 416:
            return RangeRefusedError()
        said = f"the server answered {error.code} {error.reason}"
        if error.code in _RETRIED_STATUSES:
            return BrokenTransferError(said)
        return DownloadError(f"{url} cannot be downloaded: {said}.", _STATUS_HINTS.get(error.code, ""))
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"{url} cannot be downloaded: its certificate is not trusted ({reason.verify_message}).",
            "Check the clock and the proxy, or download the file in a browser and import it.",
        )
    if isinstance(error, (OSError, http.client.HTTPException)):
        return BrokenTransferError(str(reason) or type(error).__name__)
    return error
