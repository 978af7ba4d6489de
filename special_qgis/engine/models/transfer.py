# SPDX-License-Identifier: GPL-2.0-or-later
"""One HTTP request whose body arrives block by block, read by a thread so that a cancel never waits for the network."""

from __future__ import annotations

import http.client
import queue
import re
import ssl
import threading
import urllib.error
import urllib.request
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..errors import ConfigError, DownloadError
from ..files.resources import plugin_version
from ..progress import Progress, check_cancelled

BLOCK_BYTES = 256 * 1024
_POLL_S = 0.1  # between looks at the cancel button
_TIMEOUT_S = 30.0  # without a byte from the server
_QUEUED_BLOCKS = 16
_SHOWN_CHARS = 200  # of an address
_KEPT_SIGNS = "/%:=&?~#+!$,;'@()*[]-._"  # that stand for themselves in an address
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
    try:
        parts = urlsplit(url.strip())
        host = str((parts.hostname or "").encode("idna"), "ascii")
        port = f":{parts.port}" if parts.port else ""
        path, query = (quote(text, safe=_KEPT_SIGNS) for text in (parts.path, parts.query))
    except ValueError as error:  # among them UnicodeError
        raise _no_address(url) from error
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f]", host):
        raise _no_address(url)
    if "@" in parts.netloc:
        raise ConfigError(
            f"The address {shown_url(url)} holds a user's name or password, which would end up in logs.",
            "Download the file in a browser and import it.",
        )
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, host + port, path, query, ""))


def shown_url(url: str) -> str:
    """An address as messages, logs and cards may show it: without a query, a user's name or a password."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(an address that cannot be read)"
    shown = f"{parts.scheme}://{host}{parts.path}" if host else parts.path.rpartition("@")[2]
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}…"


def _no_address(url: str) -> ConfigError:
    return ConfigError(
        f"The address must begin with https:// (or http://) and name a server; got {shown_url(url)!r}.",
        "A file on this machine is imported by path.",
    )


class Transfer:
    """A request under way. Use it as a context; leaving it stops the thread.

    Args:
        url: Address of the file, http or https.
        headers: Headers of the request beside the usual ones.
        proxy: URL of the proxy; "" = that of the environment, if any.
        progress: Checked for cancel while waiting.
    """

    def __init__(self, url: str, headers: Mapping[str, str], proxy: str, progress: Progress) -> None:
        self._progress = progress
        self._request = urllib.request.Request(
            url, headers={"User-Agent": f"special_qgis/{plugin_version()}", "Accept-Encoding": "identity", **headers}
        )
        self._opener = _make_opener(proxy)
        self._secrets = _secrets_of(url, proxy, *urllib.request.getproxies().values())
        self._items: queue.Queue[Union[Answer, bytes, Exception, None]] = queue.Queue(_QUEUED_BLOCKS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="special-download", daemon=True)

    def __enter__(self) -> Transfer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()  # a thread that waits for the network ends at its time limit; nobody waits for it

    def answer(self) -> Answer:
        """What the server answers.

        Raises:
            BrokenTransferError: It cannot be reached at the moment.
            DownloadError: It refuses.
            Cancelled: The user cancelled.
        """
        item = self._next()
        if not isinstance(item, Answer):
            raise BrokenTransferError("the server sent nothing")
        return item

    def blocks(self) -> Iterator[bytes]:
        """The body, in blocks.

        Raises:
            BrokenTransferError: The connection broke.
            Cancelled: The user cancelled.
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
            self._put(_explained(error, self._request.full_url, self._secrets))

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
        scheme = newurl.partition(":")[0].lower()
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            raise DownloadError(
                f"{shown_url(req.full_url)} redirects to {shown_url(newurl)}, which is not followed.",
                "Download the file in a browser and import it.",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _make_opener(proxy: str) -> urllib.request.OpenerDirector:
    handlers = [_CarefulRedirects(), urllib.request.HTTPSHandler(context=ssl.create_default_context())]
    if proxy:
        _check_proxy(proxy)
        return urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy}), *handlers)
    return urllib.request.build_opener(*handlers)


def _check_proxy(proxy: str) -> None:
    """Refuse what is no address of an HTTP proxy."""
    try:
        parts = urlsplit(proxy)
        host = (parts.hostname or "").encode("idna")
        is_good = parts.scheme in ("http", "https") and bool(host) and (parts.port or 0) >= 0
    except ValueError:
        is_good = False
    if not is_good or re.search(r"[\s\x00-\x1f]", proxy):
        raise ConfigError(
            f"Downloads cannot go through the proxy {shown_url(proxy)}; HTTP proxies, as http://server:8080, are "
            "supported.",
            "Correct it in QGIS's network options, or download the file in a browser and import it.",
        )


def _secrets_of(url: str, *proxies: str) -> Tuple[str, ...]:
    """Parts of addresses that no message may show: passwords, and queries, which may hold tokens."""
    found = [url.partition("?")[2]]
    for address in (url, *proxies):
        user = address.rpartition("@")[0].rpartition("/")[2]
        found.extend((user, user.partition(":")[2], unquote(user.partition(":")[2])))
    return tuple(sorted({secret for secret in found if len(secret) > 2}, key=len, reverse=True))


_STATUS_HINTS: Dict[int, str] = {
    401: "The page asks for a login: download the file in a browser and import it.",
    403: "The page asks for a login or consent: download the file in a browser and import it.",
    404: "The address may have changed: look on the page of the checkpoint, and give the new one.",
    407: "Set user and password of the proxy in QGIS's network options.",
}


def _explained(error: Exception, url: str, secrets: Sequence[str]) -> Exception:
    """The error to raise where the body is waited for."""
    url = shown_url(url)
    if isinstance(error, (DownloadError, ConfigError)):
        return error
    if isinstance(error, urllib.error.HTTPError):
        if error.code == 416:
            return RangeRefusedError()
        said = f"the server answered {error.code} {_without(secrets, error.reason)}"
        if error.code in _RETRIED_STATUSES:
            return BrokenTransferError(said)
        return DownloadError(f"{url} cannot be downloaded: {said}.", _STATUS_HINTS.get(error.code, ""))
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"{url} cannot be downloaded: its certificate is not trusted ({reason.verify_message}).",
            "Check the clock and the proxy, or download the file in a browser and import it.",
        )
    said = _without(secrets, reason) or type(error).__name__
    if isinstance(error, (http.client.InvalidURL, ValueError)):  # in a redirect or a proxy, as ours has been checked
        return DownloadError(f"{url} cannot be downloaded: {said}.", "Give another address.")
    if isinstance(error, (OSError, http.client.HTTPException)):
        return BrokenTransferError(said)
    return error


def _without(secrets: Sequence[str], text: object) -> str:
    """A message of another program, short and without secrets."""
    said = " ".join(str(text).split())
    for secret in secrets:
        said = said.replace(secret, "…")
    return said[:_SHOWN_CHARS]
