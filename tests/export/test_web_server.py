"""The server sends the files of a page and nothing else, to this computer only, and says what is wrong in one line."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import threading

import pytest
from support import cli, only_error

from alexnet_keras.export import web, web_server


@pytest.fixture
def folder(tmp_path):
    """The files that the server needs, with others beside them."""
    folder = tmp_path / "page"
    shutil.copytree(web.PAGE, folder)
    (folder / "network.json").write_text("{}")
    (folder / "model.tflite").write_bytes(b"model")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "linked").symlink_to(tmp_path)
    return folder


@pytest.fixture
def serving(folder, serve):
    yield from serve(folder)


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def test_the_server_sends_each_file_with_its_type_and_the_headers_for_threads(serving, folder):
    for path, name, kind in (
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/main.js?version=1", "main.js", "text/javascript; charset=utf-8"),
        ("/model.tflite", "model.tflite", "application/octet-stream"),
        ("/litert/LICENSE.txt", "litert/LICENSE.txt", "text/plain; charset=utf-8"),
    ):
        status, headers, content = ask(serving, path)
        assert (status, headers["Content-Type"]) == (200, kind)
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert content == (folder / name).read_bytes()
    assert web_server.TYPES[".wasm"] == "application/wasm"
    status, headers, content = ask(serving, "/style.css", "HEAD")
    assert (status, int(headers["Content-Length"]), content) == (200, (folder / "style.css").stat().st_size, b"")
    assert f'content="{headers["Content-Security-Policy"]}"' in (folder / "index.html").read_text()


def test_the_server_sends_nothing_else_and_to_nobody_else(serving, folder):
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/link.txt", "/linked/secret.txt", "/litert/", "/none"):
        assert ask(serving, path)[0] == 404, path
    assert ask(serving, "/", Host="evil.example")[0] == 421
    assert ask(serving, "/", "POST")[0] == 501
    (folder / "model.tflite").unlink()
    assert ask(serving, "/model.tflite")[0] == 404
    assert serving.server_address[0] == "127.0.0.1"


def test_what_cannot_be_served_is_one_line(tmp_path, serving, folder):
    result = cli("web", tmp_path)
    assert "has no index.html, so it is no web page of this package; write one with `alexnet" in only_error(result)
    assert result.code == 1
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "index.html").symlink_to(folder / "index.html")
    assert "linked has no index.html" in only_error(cli("web", tmp_path / "linked"))
    result = cli("web", folder, "--port", serving.server_port)
    assert f"--port {serving.server_port} of 127.0.0.1 cannot be used (Address already in use)" in only_error(result)
    assert result.code == 2


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_ctrl_c_ends_the_server_with_one_line(options, folder):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result = cli("web", folder, "--port", 0, *options)
    assert (result.code, result.err) == (130, "Stopped by SIGINT.\n")
    address = result.json["url"] if options else re.fullmatch(r"Serving .*page at (\S+) until .*\n", result.out)[1]
    assert re.fullmatch(r"http://127.0.0.1:\d+/", address)
