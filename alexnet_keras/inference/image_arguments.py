"""Find the image files that a path, a folder, a pattern or a list stands for."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import IMAGE_BYTES, JSON_BYTES, read_bytes
from alexnet_keras.system.terminal_text import counted

LIST = "@"  # of a file that lists images
STANDARD_INPUT = "-"


def images_of_word(word: str, ignored: Counter[str]) -> Sequence[Path | bytes]:
    """Return the images that a word of the command line stands for.

    Args:
        word: what `find_images` takes; `@FILE`, for the files that FILE lists, one on each line; `-`, for the bytes of
            one image on standard input; or `@-`, for a list on standard input.
        ignored: as in `find_images`.

    Returns:
        Paths, in order, or the bytes of the image on standard input. A path need not be that of an image.
    """
    if word == STANDARD_INPUT:
        return [_standard_input(IMAGE_BYTES)]
    return _listed(word) if word.startswith(LIST) else find_images(word, ignored)


def find_images(word: str | Path, ignored: Counter[str]) -> list[Path]:
    """Return the images at a path.

    Args:
        word: a file; a folder, for the images in it and in its subfolders; or a pattern such as `photos/**/*.jpg`, for
            the files that match.
        ignored: gets the number of other files in folders, by suffix.

    Returns:
        Paths, in order. A path need not be that of an image.
    """
    path = Path(word)
    if path.is_dir():
        return _images_below(path, ignored)
    if os.path.lexists(path) or not glob.has_magic(str(word)):
        return [path]
    found = sorted(Path(match) for match in glob.glob(str(word), recursive=True) if not os.path.isdir(match))
    if not found:
        raise OptionError(f"No file matches the pattern {word}; check it.")
    return found


def _listed(word: str) -> list[Path]:
    file = word.removeprefix(LIST)
    content = _standard_input(JSON_BYTES) if file == STANDARD_INPUT else read_bytes(Path(file), JSON_BYTES)
    separator = b"\0" if b"\0" in content else b"\n"  # `find -print0` writes names that may hold line breaks
    lines = content.removeprefix(b"\xef\xbb\xbf").split(separator)
    paths = [Path(os.fsdecode(line.rstrip(b"\r"))) for line in lines if line.strip()]
    if not paths:
        raise InputError(f"{word} lists no image; write one path on each line.")
    return paths


def _standard_input(limit: int) -> bytes:
    content = sys.stdin.buffer.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"Standard input has more than {limit:,} bytes; give the files by their paths.")
    return content


def _images_below(folder: Path, ignored: Counter[str]) -> list[Path]:
    from alexnet_keras.data.sources.files import of_class  # imports NumPy

    others: Counter[str] = Counter()
    parts = of_class(folder, 0, others, checked=False)  # the reason why an image must not be opened is its answer
    paths = [part.folder / os.fsdecode(name) for part in parts for name in part.names]
    if not paths:
        found = f", only {counted(others)}: convert images among them to JPEG or PNG" if others else ""
        raise InputError(
            f"The folder {folder} holds no image and no model{found}; name a folder with images, or a run."
        )
    ignored.update(others)
    return paths
