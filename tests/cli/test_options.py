"""Tables and pairs are aligned and fit the width of the output."""

import re
import subprocess
import sys

import pytest
from support import ROOT, cli

from alexnet_keras.cli.options import (
    DATA,
    GROUPS,
    RARE_DATA,
    GroupedCommand,
    data_source,
    load_tensorflow,
    print_pairs,
    print_table,
)
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
    load_tensorflow()
    capsys.readouterr()
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


@pytest.mark.parametrize("words", ["evaluate", "export", "compress", "features", "report", "figures patches"])
def test_the_options_of_a_data_set_have_headings_of_their_own(words):
    text = cli(*words.split(), "--help").out
    assert [line[:-1] for line in text.splitlines() if line.endswith(":") and line[0] != " "] == list(GROUPS)
    own, data, rare = text[text.index("Options:\n") :].replace("More about data:", "Data:").split("\nData:\n")
    shown = [re.findall(r"^  (?:-h, )?(--[\w-]+)", part, re.MULTILINE) for part in (own, data, rare)]
    assert {"--json", "--help"} <= set(shown[0])
    assert shown[1:] == [[f"--{name.replace('_', '-')}" for name in names] for names in (DATA, RARE_DATA)]
    assert "MODEL]" not in own  # arguments stand in the first line


def test_a_heading_without_options_is_left_out():
    assert "Data:" not in cli("figures", "filters", "--help").out
    command = GroupedCommand("none", groups={"Options": (), "Data": ("data",)})
    assert command.get_help(command.make_context("none", [])).count(":\n") == 1
