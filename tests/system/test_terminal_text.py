"""Text from files cannot control the terminal."""

from hypothesis import given
from hypothesis import strategies as st
from support.properties import repeatable, texts

from alexnet_keras.system.terminal_text import LONGEST_VALUE, brief, printable, shorten


def test_control_characters_are_escaped_and_other_text_is_kept():
    assert printable("Käfer 日本 (a-b)") == "Käfer 日本 (a-b)"
    assert printable("a\x1b[31mred\nb\u2028c\u202ed\x07") == r"a\x1b[31mred\nb\u2028c\u202ed\x07"


@repeatable
@given(texts, st.integers(2, 50))
def test_any_text_becomes_printable_and_short(text, length):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    assert len(shorten(text, length)) <= length + len(" ... ")


@repeatable
@given(st.recursive(texts | st.integers() | st.binary(), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_any_value_is_brief(value):
    assert len(brief(value)) <= LONGEST_VALUE + len(" ... ")
