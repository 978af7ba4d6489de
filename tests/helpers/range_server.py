# SPDX-License-Identifier: GPL-2.0-or-later
"""A real HTTP server on the loopback interface that serves a folder, and ranges of its files, as cloud stores do."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from email.utils import formatdate
from pathlib import Path
from typing import Any, Iterator


@contextlib.contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve a folder; gives the address that it has."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(folder))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _make_handler(folder: Path) -> Any:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            path = folder / Path(self.path).name
            if not path.is_file():
                self.send_error(404)
                return
            content = path.read_bytes()
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            begin = int(match.group(1)) if match else 0
            end = min(int(match.group(2) or len(content)) + 1, len(content)) if match else len(content)
            self.send_response(206 if match else 200)
            self.send_header("Content-Length", str(end - begin))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Last-Modified", formatdate(path.stat().st_mtime, usegmt=True))
            if match:
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
            self.end_headers()
            if with_body:
                self.wfile.write(content[begin:end])

    return Handler
