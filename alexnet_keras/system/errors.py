"""Exceptions, grouped by who can fix the problem."""

from collections.abc import Sequence
from pathlib import Path

ALIKE = 0.75  # from 0 to 1: `epoch` and `epochs` have 0.91, `depth` and `width` 0.6


class OptionError(ValueError):
    """An argument with an invalid value; the command line exits with code 2."""


class InputError(ValueError):
    """A file, a folder or a data set that cannot be used; the command line exits with code 1."""


class TooLargeError(InputError):
    """A data set that is too large for memory and has no shards yet.

    Attributes:
        prepared: the folder in which shards would be found; it may not exist.
    """

    def __init__(self, message: str, prepared: Path) -> None:
        super().__init__(message)
        self.prepared = prepared


class AbsentError(InputError):
    """A data set that is not on this machine; the message says how to get it."""


class UnwritableError(OSError, InputError):
    """A file that cannot be written because the disk is full.

    Attributes:
        strerror: the reason, such as "No space left on device".
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.strerror = reason


class RunError(RuntimeError):
    """A run that cannot continue, for example because its loss is NaN; the command line exits with code 1."""


class DivergedError(RunError):
    """A run whose loss or weights are not finite."""


class Interrupted(BaseException):
    """A run that a signal stopped; the command line exits with code 128 + signal.

    It is not an `Exception`, so `except Exception` does not catch it.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def remedy_of_name(name: str, names: Sequence[str]) -> str:
    """Say which of some names was probably meant by another one, or list all of them."""
    import difflib  # not at the start of each command

    meant = difflib.get_close_matches(name, names, n=1, cutoff=ALIKE)
    return f"did you mean {meant[0]!r}?" if meant else f"choose from {', '.join(names) or 'none'}."


def check(condition: bool, message: str) -> None:
    """Raise an `OptionError` unless the condition is true."""
    if not condition:
        raise OptionError(message)
