"""Open ZIP files that may come from somebody else, and write arrays into ZIP files."""

import mmap
import zipfile
from pathlib import Path
from typing import Any

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import check_regular
from alexnet_keras.system.terminal_text import printable, shorten

MOST_MEMBERS = 1_000
DIRECTORY_ENTRY = b"PK\x01\x02"


def write_array(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    """Add an array of any shape, without Python objects, to an open .npz file.

    It replaces `np.savez`: on a full disk, that of NumPy 2.1 leaves its file open, and when the file is closed later, a
    traceback is printed besides the error.
    """
    import numpy as np  # not at the start of each command

    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)


def open_zip(path: Path, largest: int) -> zipfile.ZipFile:
    """Open a ZIP file with at most `MOST_MEMBERS` files, which have at most `largest` bytes together when unpacked."""
    size = check_regular(path)
    if not size or not zipfile.is_zipfile(path):
        raise InputError(f"{path} is damaged: it is not a complete ZIP archive; copy it again.")
    if _has_many_members(path):  # zipfile makes an object for each
        raise InputError(f"{path} holds more than {MOST_MEMBERS:,} files, which no model has; check the file.")
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # zipfile, struct and codecs raise their own kinds
        raise InputError(f"{path} is damaged: {shorten(printable(str(error)), 200)}; copy it again.") from error
    unpacked = sum(member.file_size for member in archive.infolist())
    methods = {member.compress_type for member in archive.infolist()}
    problem = None
    if unpacked > largest:
        problem = f"unpacks to {unpacked:,} bytes, but at most {largest:,} are expected; check the file"
    elif not methods <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        problem = "is not compressed by deflate; pack it again with another program"
    elif any(member.compress_size > size for member in archive.infolist()):  # zipfile would allocate it
        problem = "is damaged: it holds a file that is larger than itself; copy it again"
    if problem:
        archive.close()
        raise InputError(f"{path} {problem}.")
    return archive


def _has_many_members(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        position = -1
        for _ in range(MOST_MEMBERS + 1):
            position = content.find(DIRECTORY_ENTRY, position + 1)
            if position < 0:
                return False
    return True
