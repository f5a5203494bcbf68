"""Tables and pairs are aligned and fit the width of the output."""

import subprocess
import sys

from support import ROOT

from alexnet_keras.cli.options import data_source, load_tensorflow, print_pairs, print_table
from alexnet_keras.config.training import DataSource
from alexnet_keras.system.columns import WIDTH


def test_long_values_continue_on_the_next_line(capsys):
    words = "word " * 40
    print_pairs([("name", "short"), ("longer", words), ("path", "/" + "x" * 120), ("", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "name    short"
    assert lines[1].startswith("longer  word")
    assert lines[2].startswith("        word")
    assert all(len(line) <= WIDTH for line in lines[:-2])
    assert lines[-2] == f"path    /{'x' * 120}"  # a path in two parts could not be copied


def test_numbers_are_aligned_to_the_right(capsys):
    print_table([("", "one", "two"), ("layer", "1", 1_000), ("total", 20, "")])
    assert capsys.readouterr().out == "       one   two\nlayer    1  1000\ntotal   20      \n"


def test_a_name_without_room_has_a_line_of_its_own(capsys):
    name = "n" * 90
    print_table([("run", "top-1 val error", "epochs"), (name, "12.00%", 7), ("short", "9.00%", 8)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == name
    assert [line.split() for line in lines[2:]] == [["12.00%", "7"], ["short", "9.00%", "8"]]
    assert {len(line) for line in (lines[0], *lines[2:])} == {WIDTH}


def test_options_change_the_recorded_source():
    recorded = DataSource(name="imagenet", data_dir="old", split="train,test")
    assert data_source(lambda: recorded, None, data_dir="new", split=None).data_dir == "new"
    assert data_source(lambda: recorded, None, data_dir=None) == recorded
    assert data_source(lambda: recorded, "shapes", data_dir=None) == DataSource(name="shapes")


def test_a_terminal_shows_at_once_what_takes_seconds(capsys, monkeypatch):
    load_tensorflow(logs=True)  # it is loaded already
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    load_tensorflow()
    shown, cleared = capsys.readouterr().err.removeprefix("\r").split("\r", 1)
    assert shown == "Loading TensorFlow ..."
    assert cleared.strip() == ""


def test_a_log_has_one_line_while_tensorflow_is_loaded():
    code = (
        "from alexnet_keras.cli.options import load_tensorflow; load_tensorflow(logs=True); load_tensorflow(logs=True)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stderr == "Loading TensorFlow ...\n"
