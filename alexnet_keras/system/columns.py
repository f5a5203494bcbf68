"""Text in aligned columns, for people."""

import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 100  # characters in a line of output
VAL_ERROR, TOP5_VAL_ERROR = "top-1 val error", "top-5 val error"  # labels of tables and figures


def pair_lines(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield names and values in two columns. A long value continues on the next line, below its beginning.

    A word that is longer than a line, such as a path, is not broken, so that it can be copied.
    """
    pairs = list(pairs)
    indent = max(len(name) for name, _ in pairs) + 2
    for name, value in pairs:
        lines = textwrap.wrap(value, WIDTH - indent, break_long_words=False, break_on_hyphens=False) or [""]
        yield f"{name:{indent}}" + f"\n{' ' * indent}".join(lines)
