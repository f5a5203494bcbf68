"""The command `web`: it serves a folder until it is stopped, and says where."""

from pathlib import Path

import pytest
from support import cli, only_error

from alexnet_keras.export import web_server


@pytest.fixture
def servers(monkeypatch):
    """The servers that a command has started, which serve nothing."""
    started = []

    class Server:
        url = "http://127.0.0.1:8123/"

        def __init__(self, folder, port):
            self.arguments, self.events = (folder, port), []
            started.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.events.append("closed")

        def serve_forever(self):
            self.events.append("serving")

    monkeypatch.setattr(web_server, "PageServer", Server)
    return started


@pytest.mark.parametrize(("options", "port"), [([], 8000), (["--port", 0], 0), (["--port", 65535], 65535)])
def test_a_folder_is_served_at_its_port_and_closed_at_the_end(options, port, servers):
    result = cli("web", "page", *options)
    assert result.out == "Serving page at http://127.0.0.1:8123/ until you press Ctrl-C.\n"
    assert [(server.arguments, server.events) for server in servers] == [((Path("page"), port), ["serving", "closed"])]


def test_the_address_is_json_too(servers):
    assert cli("web", "page", "--json").json == {"folder": "page", "url": "http://127.0.0.1:8123/"}


def test_control_characters_of_a_name_are_not_printed(servers):
    assert cli("web", "a\x1b[31mb").out.startswith(r"Serving a\x1b[31mb at ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["page", "--port", 65536], "Invalid value for '--port': it must be 0 to 65,535, got 65536."),
        (["http://127.0.0.1:8000/"], "is a URL; download the file and give its path."),
        ([], "Missing argument 'FOLDER'"),
        ([__file__], "test_web.py' is a file; give a folder."),
    ],
    ids=str,
)
def test_what_is_no_folder_or_no_port_is_refused(arguments, message, servers):
    result = cli("web", *arguments)
    assert message in only_error(result)
    assert (result.code, servers) == (2, [])
