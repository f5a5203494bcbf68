"""A web server for the folder of a web page, for this computer only."""

import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from alexnet_keras.system.errors import InputError, OptionError

HOST = "127.0.0.1"  # no other computer reaches this address
INDEX, SETTINGS = "index.html", "network.json"  # the page, and what it must know about the network
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",  # this and the next one let the page use several threads
    "Cross-Origin-Embedder-Policy": "require-corp",
    # As in the page itself. A worker does not inherit the policy of its page.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # another export may use the same port
}


class PageServer(ThreadingHTTPServer):
    """Serves the files that a folder has at the start, and nothing else.

    A request selects a file by its name in a table, so no request leads out of the folder.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        self.files = _files(folder)
        for name in (INDEX, SETTINGS):
            if f"/{name}" not in self.files:
                raise InputError(
                    f"{folder} has no {name}, so it is no web page of this package; write one with "
                    "`alexnet-keras export --format web`."
                )
        self.files["/"] = self.files[f"/{INDEX}"]
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise OptionError(
                f"`port` {port} of {HOST} cannot be used ({error.strerror}); choose another one."
            ) from error
        self.url = f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the browser closed the connection, and it shows an error if it still needs the file."""


def _files(folder: Path) -> dict[str, Path]:
    """Return the regular files of a folder by their paths in a URL. Symbolic links are left out: they may lead away."""
    files = {}
    for root, _, names in os.walk(folder):
        for path in (Path(root) / name for name in names):
            if path.is_file() and not path.is_symlink():
                files[f"/{path.relative_to(folder).as_posix()}"] = path
    return files


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if self.headers.get("Host", "").split(":")[0] not in (HOST, "localhost"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)  # another site has named this computer to read its files
            return
        path = self.server.files.get(unquote(urlsplit(self.path).path))
        try:
            content = None if path is None else path.read_bytes()
        except OSError:  # it was removed, or it may not be read
            content = None
        if path is None or content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(path.suffix, TYPES[".tflite"]))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Print no line for each request."""
