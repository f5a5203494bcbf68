"""The types of options convert what they take, and say in one sentence what they do not."""

from pathlib import Path
from typing import Annotated

import click
import pytest

from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Count, Fraction, Range


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        (Number(Count), "1", 1),
        (Number(Count), "1000000", 1_000_000),
        (Number(Fraction), "0", 0.0),
        (Number(Fraction), "2.5e-1", 0.25),
        (Number(Annotated[int, Range(-3, 3)]), "-3", -3),
    ],
)
def test_a_number_in_its_range_is_taken(kind, text, number):
    found = kind.convert(text, None, None)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Number(Count), "0", "it must be 1 to 1,000,000, got 0."),
        (Number(Count), "1.5", "'1.5' is not a whole number."),
        (Number(Fraction), "1", "it must be in [0, 1), got 1.0."),
        (Number(Fraction), "nan", "it must be in [0, 1), got nan."),
        (Number(Fraction), "a half", "'a half' is not a number."),
        (PathName(), "https://example.org/a.pth", "'https://example.org/a.pth' is a URL; download the file and give"),
        (PathName(), "a\0b", "must be a path in UTF-8, of at most 255 bytes between two slashes and 4,095 in all."),
        (PathName(), "", "'' must be a path in UTF-8"),
    ],
)
def test_what_is_refused_is_named_with_what_is_needed(kind, text, message):
    with pytest.raises(click.BadParameter) as error:
        kind.convert(text, None, None)
    assert message in error.value.message
    assert error.value.message.isprintable()


def test_help_names_numbers_by_their_kind():
    assert (Number(Count).name, Number(Fraction).name) == ("integer", "float")


@pytest.mark.parametrize("text", ["a.keras", "no/such/folder", "x" * 255, "C:/a", "tfds:a/b"])
def test_a_path_need_not_exist(text):
    assert PathName().convert(text, None, None) == Path(text)
    assert PathName(str).convert(text, None, None) == text


def test_a_path_may_have_to_be_no_folder(tmp_path):
    with pytest.raises(click.BadParameter, match="is a folder; give a file"):
        PathName(dir_okay=False).convert(str(tmp_path), None, None)
    assert PathName().convert(str(tmp_path), None, None) == tmp_path
