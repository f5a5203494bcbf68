"""A folder that one process at a time may write to."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from alexnet_keras.system.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextlib.contextmanager
def lock_folder(folder: Path, busy: str) -> Iterator[None]:
    """Hold an existing folder for this process until the block ends or the process dies.

    The lock is an advisory lock on a file `.lock` in the folder, which is removed at the end. Where the system or the
    file system has no such locks, nothing is held.

    Args:
        folder: the folder.
        busy: the message of the error where another process holds the folder.

    Raises:
        InputError: another process holds the folder.
        OSError: the folder cannot be written to.
    """
    path = folder / LOCK
    while True:
        with path.open("a") as file:
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(busy) from error
            except OSError:
                pass  # a file system without locks
            if not _is_open_file(path, file.fileno()):
                continue  # the last holder has just removed the file: a lock on it would hold nobody off
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # Windows removes no open file
                    path.unlink()
            return


def _is_open_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
