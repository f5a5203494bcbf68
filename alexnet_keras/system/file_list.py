"""The list of the files that the program has written into a folder, so that it never removes a file of the user.

The list is a file `.files` with one JSON string in each line: a path relative to the folder. Names are appended before
their files appear, in a single write, so that processes can do it at the same time.

A text that users may edit ends with a seal, which has the checksum of what is above it. A text whose seal is broken is
theirs.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import JSON_BYTES, read_bytes

LIST = ".files"
SEAL = "\n<!-- alexnet-keras replaces this file only while the SHA-256 of the text above is {} -->\n"


def create(folder: Path, names: Iterable[str] = ()) -> None:
    """Begin the list of a folder, unless it has one."""
    if not (folder / LIST).exists():
        _append(folder, names)


def add(folder: Path, path: Path, content: Path) -> None:
    """Add a file, or each file of a folder, to the list of a folder; do nothing if the folder has no list.

    Args:
        folder: the folder with the list.
        path: the file or folder in it that is about to appear.
        content: where the file or folder is now.
    """
    if not (folder / LIST).exists():
        return
    inner = [file.relative_to(content) for file in content.rglob("*") if not file.is_dir()]
    files = [path / file for file in inner] if content.is_dir() else [path]
    known = set(read(folder))
    _append(folder, [name for file in files if (name := file.relative_to(folder).as_posix()) not in known])


def _append(folder: Path, names: Iterable[str]) -> None:
    lines = "".join(f"\n{json.dumps(name)}" for name in names)  # a line that a kill has cut stays alone
    descriptor = os.open(folder / LIST, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
    try:
        os.write(descriptor, lines.encode())
    finally:
        os.close(descriptor)


def read(folder: Path) -> list[str]:
    """Return the names in the list of a folder, without those that lead out of it."""
    names = []
    for line in read_bytes(folder / LIST, JSON_BYTES).splitlines():
        with contextlib.suppress(ValueError, RecursionError):  # a line that a kill has cut
            name = json.loads(line)
            path = PurePosixPath(name if isinstance(name, str) else "")
            if path.name and not path.is_absolute() and ".." not in path.parts:  # `//` is the root, too
                names.append(name)
    return list(dict.fromkeys(names))


def remove(folder: Path, name: str) -> None:
    """Remove a file of a folder, and the subfolders that are empty then. A link in the path is not followed."""
    file = folder / name
    between = [parent for parent in file.parents if folder in parent.parents]
    if any(parent.is_symlink() for parent in between) or (file.is_dir() and not file.is_symlink()):
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        file.unlink()
    with contextlib.suppress(OSError):  # a subfolder holds other files
        for parent in between:
            parent.rmdir()


def seal(text: str) -> str:
    """Append a checksum as an HTML comment, which Markdown pages do not show."""
    text += "\n"
    return text + SEAL.format(hashlib.sha256(text.encode()).hexdigest())


def is_sealed(path: Path) -> bool:
    """Whether a file has a text and its seal, so that no user has changed it."""
    try:
        content = b"" if path.is_symlink() else read_bytes(path, JSON_BYTES)
    except InputError:
        return False
    text = content[: -len(SEAL.format("0" * 64))]
    return content == text + SEAL.format(hashlib.sha256(text).hexdigest()).encode()
