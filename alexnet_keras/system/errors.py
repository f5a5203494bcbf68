"""What goes wrong, by who can mend it. Standard library only."""

from pathlib import Path


class OptionError(ValueError):
    """An option or an argument that nothing can honour; the command line exits with 2."""


class InputError(ValueError):
    """A file, a folder or a data set that cannot be used; the command line exits with 1."""


class TooLargeError(InputError):
    """A data set that only memory gives in random access, and does not hold; its shards would.

    Attributes:
        prepared: the folder, which may not exist, where its shards are looked for.
    """

    def __init__(self, message: str, prepared: Path) -> None:
        super().__init__(message)
        self.prepared = prepared


class AbsentError(InputError):
    """A data set that could be used and is not on this machine; the message says what to get."""


class RunError(RuntimeError):
    """A run that cannot go on, such as one whose loss is no number; the command line exits with 1."""


class Interrupted(BaseException):
    """A run that a signal stopped; the command line exits with 128 + signal. No `Exception`, so nothing swallows it.

    Attributes:
        signal: the signal's number.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def check(condition: bool, message: str) -> None:
    """Raise an OptionError with this message unless the condition holds."""
    if not condition:
        raise OptionError(message)
