"""Aligned columns of names and values."""

from alexnet_keras.system.columns import WIDTH, pair_lines


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
