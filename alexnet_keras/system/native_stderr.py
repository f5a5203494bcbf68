"""Silence the lines that C++ libraries write directly to standard error."""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Discard what C++ libraries write to standard error; `sys.stderr` of Python still works.

    No error is lost, because the libraries raise exceptions too.
    """
    sys.stderr.flush()
    before, saved = sys.stderr, os.dup(2)
    if before is sys.__stderr__:  # otherwise a test has replaced it
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
    """A copy of standard error that stays open, because a logger keeps the `sys.stderr` that it found first."""
    return open(os.dup(2), "w", buffering=1)
