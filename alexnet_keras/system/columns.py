"""Text in lines and aligned columns, for people."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 100  # characters in a line of output
VAL_ERROR, TOP5_VAL_ERROR = "top-1 val error", "top-5 val error"  # labels of tables and figures


def error_labels(classes: int) -> dict[str, str]:
    """Label each error of a model. With at most five classes, the top-5 error is always 0 and is left out."""
    return {"top1": VAL_ERROR} | ({"top5": TOP5_VAL_ERROR} if classes > 5 else {})


def line_width() -> int:
    """The number of characters in a line: `WIDTH`, or those of a narrower terminal; 80 if the terminal hides them."""
    terminal = sys.stdout.isatty() or sys.stderr.isatty()
    return min(WIDTH, shutil.get_terminal_size().columns) if terminal else WIDTH


def wrapped(text: str, indent: int = 0) -> str:
    """Break a text between words into lines; all but the first begin with `indent` spaces.

    A word that is longer than a line, such as a path, is not broken, so that it can be copied.
    """
    width = max(line_width() - indent, 20)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    return f"\n{' ' * indent}".join(lines)


def print_message(message: str) -> None:
    """Print a message on standard error: broken into lines on a terminal, and in one line for programs and logs."""
    print(wrapped(message) if sys.stderr.isatty() else message, file=sys.stderr, flush=True)


def pair_lines(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield names and values in two columns. A long value continues on the next line, below its beginning."""
    pairs = list(pairs)
    indent = max(len(name) for name, _ in pairs) + 2
    for name, value in pairs:
        yield f"{name:{indent}}{wrapped(value, indent)}"
