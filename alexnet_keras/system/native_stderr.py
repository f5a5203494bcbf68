"""What C++ libraries write to standard error behind Python's back. Standard library only."""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep their lines from the user; what Python writes to `sys.stderr`, such as progress, still arrives.

    Errors come as exceptions too.
    """
    sys.stderr.flush()
    before, saved = sys.stderr, os.dup(2)
    if before is sys.__stderr__:  # else a test has put something of its own there
        sys.stderr = _standard_error()
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(saved, 2)
        os.close(saved)


@functools.cache
def _standard_error() -> TextIO:
    """The user's, for as long as the process lives: a logger keeps what it once found as `sys.stderr`."""
    return open(os.dup(2), "w", buffering=1)
