"""Text from files cannot control the terminal."""

from alexnet_keras.system.terminal_text import printable


def test_control_characters_are_escaped_and_other_text_is_kept():
    assert printable("Käfer 日本 (a-b)") == "Käfer 日本 (a-b)"
    assert printable("a\x1b[31mred\nb\u2028c\u202ed\x07") == r"a\x1b[31mred\nb\u2028c\u202ed\x07"
