# SPDX-License-Identifier: GPL-2.0-or-later
"""A real HTTP server on the loopback interface that serves one file and can be told to misbehave."""

from __future__ import annotations

import http.server
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional


@dataclass
class Behaviour:
    """How the server serves; may be changed between requests."""

    content: bytes
    etag: str = '"first"'  # "" = none
    honours_range: bool = True
    break_after: List[int] = field(default_factory=list)  # bytes sent before each of the next connections breaks
    declared_length: Optional[int] = None  # None = the true one; -1 = none is sent
    status: int = 200  # other than 200 = an error page
    n_errors: int = -1  # how many requests get it; -1 = all
    redirect_to: str = ""  # address, sent for paths that end with "/moved"
    only: str = ""  # ending of the paths that exist; "" = all do
    pause_s: float = 0.0  # before each block of 64 KiB


class FileServer:
    """Serves until closed; remembers the headers of all requests."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: List[Dict[str, str]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, path: str = "model.safetensors") -> str:
        """Address of a path on the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _make_handler(server: FileServer) -> Any:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            behaviour = server.behaviour
            server.requests.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            if not self.path.endswith(behaviour.only):
                self.send_error(404)
                return
            if behaviour.redirect_to and self.path.endswith("/moved"):
                self.send_response(302)
                self.send_header("Location", behaviour.redirect_to)
                self.end_headers()
                return
            if behaviour.status != 200 and behaviour.n_errors != 0:
                behaviour.n_errors -= 1
                self.send_error(behaviour.status)
                return
            self._serve(behaviour)

        def _serve(self, behaviour: Behaviour) -> None:
            begin, content = self._begin(behaviour), behaviour.content
            if begin >= len(content) > 0:
                self.send_error(416)
                return
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            declared = len(content) - begin if behaviour.declared_length is None else behaviour.declared_length
            if declared >= 0:
                self.send_header("Content-Length", str(declared))
            if behaviour.etag:
                self.send_header("ETag", behaviour.etag)
            self.end_headers()
            body = content[begin:]
            if behaviour.break_after:
                body = body[: behaviour.break_after.pop(0)]
            for start in range(0, len(body), 65536):
                if behaviour.pause_s:
                    time.sleep(behaviour.pause_s)
                try:
                    self.wfile.write(body[start : start + 65536])
                except OSError:  # the client went away
                    return
            self.close_connection = True

        def _begin(self, behaviour: Behaviour) -> int:
            match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range", behaviour.etag) == behaviour.etag
            return int(match.group(1)) if match and behaviour.honours_range and same else 0

    return Handler
