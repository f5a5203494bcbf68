"""What C++ libraries write to standard error behind Python's back. Standard library only."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep their lines from the user; what Python writes to `sys.stderr`, such as progress, still arrives.

    Errors come as exceptions too.
    """
    sys.stderr.flush()
    before, saved = sys.stderr, os.dup(2)
    try:
        with open(os.devnull, "w") as nothing, open(saved, "w", buffering=1, closefd=False) as python:
            if before is sys.__stderr__:  # else a test has put something of its own there
                sys.stderr = python
            os.dup2(nothing.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(saved, 2)
                sys.stderr = before
    finally:
        os.close(saved)
