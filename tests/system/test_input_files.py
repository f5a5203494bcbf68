"""Only regular files of a bounded size are opened, and damaged JSON is an error in one line."""

import os
import socket
from pathlib import Path

import pytest

from alexnet_keras.system import input_files
from alexnet_keras.system.errors import InputError


def test_a_regular_file_and_a_link_to_it_are_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": "ä"}', encoding="utf-8")
    (tmp_path / "b.json").symlink_to("a.json")
    for name in ("a.json", "b.json"):
        assert input_files.check_regular(tmp_path / name) == 11
        assert input_files.read_bytes(tmp_path / name, 11) == b'{"a": "\xc3\xa4"}'
        assert input_files.read_json(tmp_path / name) == {"a": "ä"}


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "socket"))
        for name, kind in (("pipe", "a named pipe"), ("zero", "a device"), ("socket", "a socket"), (".", "a folder")):
            with pytest.raises(InputError, match=f"is {kind}, not a regular file; copy its content into a file"):
                input_files.read_bytes(tmp_path / name, 1)


@pytest.mark.parametrize(
    ("name", "reason"), [("absent", "No such file or directory"), ("a\0b", "(stat: )?embedded null .*")]
)
def test_a_path_that_leads_nowhere_is_named(name, reason, tmp_path):
    with pytest.raises(InputError, match=rf"cannot be read \({reason}\); check the path"):
        input_files.check_regular(tmp_path / name)


def test_a_url_is_no_path():
    with pytest.raises(InputError, match=r"cannot be read \(.*\); it is a URL: download the file and give its path"):
        input_files.check_regular(Path("https://example.org/cat.jpg"))


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="sparse has 1,099,511,627,776 bytes, but at most 1,000 are expected"):
        input_files.read_bytes(tmp_path / "sparse", 1000)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path):
    (tmp_path / "a").touch(mode=0o000)
    with pytest.raises(InputError, match="Permission denied"):
        input_files.read_bytes(tmp_path / "a", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it holds no valid JSON"),
        ("[" * 200_000, r"it holds no valid JSON \(it is nested too deeply\)"),
        ("[1]", "it holds no JSON object"),
        ("\xff", "it holds no valid JSON"),
    ],
)
def test_damaged_json_is_named(text, message, tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=f"config.json is damaged: {message}"):
        input_files.read_json(path)
