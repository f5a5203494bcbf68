"""Make text from files and from users safe to print on a terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

LONGEST_VALUE = 80  # characters of a value in a message
LONGEST_MESSAGE = 1_200  # characters; two paths of 255 characters and what to do about them fit


def printable(text: str) -> str:
    r"""Replace control characters, line breaks and other characters without a shape by their escapes, such as `\x1b`.

    A terminal executes the sequences that begin with an escape character: they can hide text or change the window.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shorten(text: str, length: int = LONGEST_MESSAGE) -> str:
    """Replace the middle of a text of more than `length` characters by dots."""
    return text if len(text) <= length else f"{text[: length // 2]} ... {text[-length // 2 :]}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Join names by commas, only the first few of many."""
    more = len(names) - most
    return f"{', '.join(names[:most])} and {more:,} more" if more > 0 else ", ".join(names)


def brief(value: Any) -> str:
    """Represent a value in a message; of a long value only the beginning and the end."""
    try:
        return shorten(repr(value), LONGEST_VALUE)
    except (ValueError, RecursionError):  # an integer of more than 4,300 digits, or a list nested too deeply
        return f"a very large {type(value).__name__}"


def counted(kinds: Counter[str]) -> str:
    """Format the most frequent kinds of something, such as `30 .heic, 6 .txt`."""
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return listed([f"{count:,} {kind}" for kind, count in ordered], 5)
