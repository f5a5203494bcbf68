"""Find image files below folders. File names are stored as bytes in arrays, since a million strings are large."""

import bisect
import contextlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.data.image_files import DECODED, KIND_BYTES, SUFFIXES, kind_of
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import IMAGE_BYTES, check_regular
from alexnet_keras.system.terminal_text import printable

# Folders and files of operating systems, in lower case; hidden ones are skipped too.
SYSTEM_NAMES = {
    *(b"__macosx", b"@eadir", b"lost+found", b"$recycle.bin", b"system volume information"),
    *(b"thumbs.db", b"ehthumbs.db", b"desktop.ini"),
}
# Annotations may be as many as the images. Files with these suffixes are never opened to look for an image in them.
NOT_IMAGES = (b".csv", b".html", b".json", b".md", b".npy", b".py", b".tsv", b".txt", b".xml", b".yaml", b".yml")
ENCODED_SUFFIXES = tuple(map(os.fsencode, SUFFIXES))
LONGEST_SUFFIX = 12  # characters; what follows the dot of a longer one is no suffix


@dataclass(frozen=True)
class Files:
    """File names of the images in one folder, `(N,)` bytes, sorted, with their labels, `(N,)` int64."""

    folder: Path
    names: np.ndarray
    labels: np.ndarray


class Paths(Sequence[str]):
    """The paths of all images, each joined on access."""

    def __init__(self, parts: Sequence[Files]) -> None:
        self.parts = parts
        self.starts = np.cumsum([0, *(len(part.names) for part in parts)]).tolist()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        number = bisect.bisect_right(self.starts, index) - 1
        part = self.parts[number]
        return os.path.join(part.folder, os.fsdecode(part.names[index - self.starts[number]]))


def subfolders(folder: Path) -> tuple[str, ...]:
    """List the folders in a folder, sorted, without those of an operating system."""
    found = (entry for entry in entries(folder) if _is_folder(entry) and not _is_system(entry))
    return tuple(sorted(os.fsdecode(entry.name) for entry in found))


def _is_system(entry: os.DirEntry[bytes]) -> bool:
    return entry.name.startswith(b".") or entry.name.lower() in SYSTEM_NAMES


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def entries(folder: Path) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(os.fsencode(folder)) as found:
            return list(found)
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); check its permissions.") from error


def of_class(folder: Path, label: int, ignored: Counter[str], *, checked: bool = True) -> Iterator[Files]:
    """Find the images in a folder and in the folders below it, of which each is read once, although links lead there.

    Args:
        ignored: gets the number of the other files by suffix.
    """
    seen, pending = set(), [folder]
    while pending:
        current = pending.pop()
        found = current.stat()
        if (found.st_dev, found.st_ino) in seen:
            continue
        seen.add((found.st_dev, found.st_ino))
        names, inner = images(current, ignored, checked=checked)
        if len(names):
            yield Files(current, names, np.full(len(names), label, np.int64))
        pending += [current / name for name in reversed(inner)]


def images(folder: Path, ignored: Counter[str], *, checked: bool = True) -> tuple[np.ndarray, tuple[str, ...]]:
    """List the names of the images in a folder, `(N,)` bytes, sorted, and of its subfolders.

    File names need not be UTF-8. A link that leads nowhere is listed, since it is one unreadable image of many.
    """
    names, inner = [], []
    for entry in entries(folder):
        if _is_system(entry):
            continue
        if _is_folder(entry):
            inner.append(os.fsdecode(entry.name))
        elif _is_image(entry):
            if checked:
                check_image(entry)
            names.append(entry.name)
        else:
            ignored[suffix(entry.name)] += 1
    return np.array(sorted(names), "S"), tuple(sorted(inner))


def _is_image(entry: os.DirEntry[bytes]) -> bool:
    """Tell from the suffix, or from the first bytes if the suffix is not that of an image."""
    name = entry.name.lower()
    if name.endswith(ENCODED_SUFFIXES):
        return True
    if name.endswith(NOT_IMAGES) or not os.path.isfile(entry.path):
        return False
    try:
        with open(entry.path, "rb", buffering=0) as file:
            return kind_of(file.read(KIND_BYTES)) in DECODED
    except OSError:
        return False


def check_image(entry: os.DirEntry[bytes]) -> None:
    """Check that an image may be opened and read; a link that leads nowhere is one unreadable image of many."""
    with contextlib.suppress(OSError):
        found = entry.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > IMAGE_BYTES:
            check_regular(Path(os.fsdecode(entry.path)), IMAGE_BYTES)


def suffix(name: bytes) -> str:
    """Return the suffix of a file name as it is counted."""
    text = printable(os.fsdecode(os.path.splitext(name)[1].lower()))
    return text if 1 < len(text) <= LONGEST_SUFFIX else "without suffix"
