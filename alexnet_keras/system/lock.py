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


@contextlib.contextmanager
def lock_folder(folder: Path, busy: str) -> Iterator[None]:
    """Lock an existing folder for this process until the `with` block or the process ends.

    The lock is an advisory lock on a file `.lock` in the folder. The file is removed at the end. On Windows and on file
    systems without such locks, the folder is not protected.

    Args:
        folder: the folder.
        busy: the error message if another process has locked the folder.

    Raises:
        InputError: another process has locked the folder.
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
                continue  # the last holder has just removed this file, so a lock on it would exclude nobody
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # Windows cannot remove an open file
                    path.unlink()
            return


def _is_open_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
