"""Class names survive every format, whatever characters they have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import repeatable, texts, unless_refused

from alexnet_keras.inference.label_files import LABELS, NAMES, decode, encode
from alexnet_keras.system.errors import InputError

HARD_NAMES = (
    "", "red\ngreen", "\r", "blue\r\n", "\x85", "\u2028", "left\u2029right", "\x0b\x0c\x1c\x1d\x1e", " space ",
    "\ttab\t",
    "back\\nslash", "\x1b[31mescape\x1b[0m", '["quoted"]', "é", "日本", "😀", "\u00a0", "\ufeffmark", "same", "same",
)  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [HARD_NAMES, tuple(f"{name}{index}" for index in range(50) for name in HARD_NAMES), ("", ""), (), ("\udcff",)],
    ids=["hard", "a thousand", "empty", "none", "not UTF-8"],
)
def test_names_are_read_as_they_were_written(names):
    files = encode(names)
    assert decode(files, "m") == names
    assert len(files[LABELS].decode().splitlines()) == len(names)


def test_ordinary_names_are_the_lines_of_labels_txt():
    assert encode(("red", "übel 1", " a\u00a0b"))[LABELS].decode() == "red\nübel 1\n a\u00a0b\n"
    assert encode(("a\nb", "c\u2028"))[LABELS] == b"a\\nb\nc\\u2028\n"


def test_other_programs_get_the_words_of_a_synset():
    files = encode(("n01440764", "n02979186"))
    assert files[LABELS] == b"tench\ncassette player\n"
    assert decode(files, "m") == ("n01440764", "n02979186")


def test_exports_of_version_0_1_0_have_only_labels_txt():
    assert decode({LABELS: "a\n\nb\u2028c \r\n".encode()}, "m") == ("a", "", "b\u2028c \r")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "m has no readable class names; write it with `alexnet-keras export`"),
        ({LABELS: b"\xff\n"}, "m has no readable class names; write it with `alexnet-keras export`"),
        ({NAMES: b"["}, "m is damaged: it holds no valid JSON"),
        ({NAMES: b"[1, 2]"}, "m has a class_names.json that is no list of strings; export it again"),
        ({NAMES: b'{"a": 1}'}, "m has a class_names.json that is no list of strings; export it again"),
    ],
)
def test_damaged_files_are_named(files, message):
    with pytest.raises(InputError, match=message):
        decode(files, "m")


@repeatable
@given(st.lists(texts).map(tuple))
def test_any_names_are_read_as_they_were_written(names):
    files = encode(names)
    assert decode(files, "m") == names
    assert len(files[LABELS].decode().splitlines()) == len(names)


@repeatable
@given(st.dictionaries(st.sampled_from([NAMES, LABELS]), st.binary() | st.text('["a,\\\n]').map(str.encode)))
def test_any_content_is_names_or_is_refused(files):
    names = unless_refused(lambda: decode(files, "m"))
    assert names is None or all(isinstance(name, str) for name in names)
