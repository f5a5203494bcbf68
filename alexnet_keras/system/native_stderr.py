"""Silence the lines that the C++ libraries of TensorFlow write directly to standard error."""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


def import_keras() -> None:
    """Import Keras and its backend quietly, unless the program has imported Keras before."""
    if "keras" not in sys.modules:
        with loading():
            importlib.import_module("keras")


@functools.cache
def compile_with_xla() -> None:
    """Compile something small quietly: before 2.21, TensorFlow writes about its first compilation at every level."""
    import tensorflow as tf

    if tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21):
        with silenced(), tf.init_scope():  # the caller may be tracing a graph
            tf.function(lambda x: x + 1, jit_compile=True)(1.0)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Silence TensorFlow's C++ libraries while they are imported in the `with` block, and later.

    Later, `TF_CPP_MIN_LOG_LEVEL` silences them. A value that the user has set is kept. Before the libraries read it,
    they write a few lines. Exceptions still name every error.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():
        yield


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
