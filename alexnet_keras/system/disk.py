"""Check the free disk space before long work writes files."""

import shutil
from pathlib import Path

from alexnet_keras.system.errors import InputError


def free_bytes(path: Path) -> int:
    """The free bytes on the disk of a file or folder, which need not exist yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def check_free(path: Path, needed: float, work: str) -> None:
    """Check that `needed` bytes fit on the disk of `path`.

    Args:
        path: the file or folder that will be written.
        needed: the bytes that the work writes at most.
        work: the subject of the message, such as "The run saved_models/a".

    Raises:
        InputError: fewer bytes are free.
    """
    free = free_bytes(path)
    if needed > free:
        raise InputError(
            f"{work} needs {needed / 1e9:,.2f} GB, but the disk of {path} has {free / 1e9:,.2f} GB free; "
            "remove files, or choose a folder on another disk."
        )
