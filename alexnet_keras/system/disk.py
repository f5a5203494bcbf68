"""Check the free disk space before long work writes files."""

import shutil
from pathlib import Path

from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import InputError


def free_bytes(path: Path) -> int:
    """The free bytes on the disk of a file or folder, which need not exist yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def announce(path: Path, needed: float, work: str) -> None:
    """Print what some work writes at most and what is free on the disk of `path`, after `check_free`."""
    check_free(path, needed, work)
    print_message(f"{work} needs at most {size_of(needed)}; {size_of(free_bytes(path))} are free.")


def size_of(count: float, digits: int = 2) -> str:
    """Format a number of bytes, such as `1.50 GB`, with so many digits after the point."""
    return f"{count / 1e9:,.{digits}f} GB" if count >= 1e9 else f"{count / 1e6:,.{digits}f} MB"


def check_free(path: Path, needed: float, work: str) -> None:
    """Check that `needed` bytes fit on the disk of `path`.

    Args:
        work: the subject of the message, such as "The run saved_models/a".
    """
    free = free_bytes(path)
    if needed > free:
        raise InputError(
            f"{work} needs {size_of(needed)}, but the disk of {path} has {size_of(free)} free; "
            "remove files, or choose a folder on another disk."
        )
