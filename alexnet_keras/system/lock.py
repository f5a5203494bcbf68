"""Lock a folder, so that one process at a time writes to it."""

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


def acquire(path: Path, flags: int = os.O_RDONLY) -> int | None:
    """Lock a file or folder until the returned descriptor is closed or the process ends.

    Returns:
        The descriptor, or `None` on Windows and on file systems without such locks.

    Raises:
        BlockingIOError: another process has locked it.
        OSError: it cannot be opened.
    """
    if fcntl is None:
        return None
    while True:
        descriptor = os.open(path, flags, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except FileNotFoundError:
            pass  # the last holder has just removed it, so a lock on it would exclude nobody
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise
            return None
        os.close(descriptor)


@contextlib.contextmanager
def lock_folder(folder: Path, busy: str) -> Iterator[None]:
    """Lock an existing folder for this process until the `with` block or the process ends.

    The lock is an advisory lock on a file `.lock` in the folder. The file is removed at the end. On Windows and on file
    systems without such locks, the folder is not protected.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = folder / LOCK
    try:
        descriptor = acquire(path, os.O_CREAT | os.O_RDWR)
    except BlockingIOError as error:
        raise InputError(busy) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)
