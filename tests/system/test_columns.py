"""Aligned columns of names and values."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import repeatable

from alexnet_keras.system import columns
from alexnet_keras.system.columns import WIDTH, pair_lines, print_message


def test_values_are_aligned_and_long_ones_continue_below_their_beginning():
    first, second = pair_lines([("data", "shapes"), ("precision", "word " * 30)])
    assert first == "data       shapes"
    lines = second.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(" " * 11 + "word")
    assert max(map(len, lines)) <= WIDTH


def test_a_path_is_never_broken():
    path = "a-folder/" * 20
    assert list(pair_lines([("run", path), ("none", "")])) == [f"run   {path}", "none  "]


MESSAGE = "`batch_size` 500 is larger than the 300 images; choose a smaller one. " * 3


@pytest.fixture
def terminal(monkeypatch):
    """Make standard error a terminal of the given width."""

    def of_width(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    return of_width


@pytest.mark.parametrize("width", [40, 300])
def test_a_terminal_gets_lines_that_fit(width, terminal, capsys):
    terminal(width)
    print_message(MESSAGE)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= min(width, WIDTH)
    assert " ".join(lines) == MESSAGE.strip()
    assert max(len(line) for pair in pair_lines([("name", MESSAGE)]) for line in pair.split("\n")) <= width


def test_a_program_gets_the_same_lines_whatever_terminal_started_it(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    print_message(MESSAGE)
    assert capsys.readouterr().err == MESSAGE + "\n"
    (pair,) = pair_lines([("name", MESSAGE)])
    assert 90 < max(map(len, pair.split("\n"))) <= WIDTH


def test_a_very_narrow_terminal_still_gets_words(terminal):
    terminal(5)
    assert columns.wrapped("four words in two lines", 8) == "four words in two\n        lines"


words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)


@repeatable
@given(st.lists(st.tuples(words, st.lists(words).map(" ".join)), min_size=1))
def test_columns_keep_every_word_of_any_values(pairs):
    indent = max(len(name) for name, _ in pairs) + 2
    for (name, value), lines in zip(pairs, pair_lines(pairs), strict=True):
        first, *others = lines.split("\n")
        assert first[:indent].rstrip() == name
        assert all(not line[:indent].strip() for line in others)
        assert " ".join(line[indent:] for line in (first, *others)) == value
