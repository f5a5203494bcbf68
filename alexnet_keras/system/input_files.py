"""Read files that may come from somebody else: regular files of a bounded size, and JSON of bounded nesting."""

import json
import math
import re
import stat
from pathlib import Path
from typing import Any

from alexnet_keras.system.errors import InputError

JSON_BYTES = 64 * 2**20  # the manifest of ImageNet's shards has less than one megabyte
IMAGE_BYTES = 2**28  # of an image file: more than 8192 x 8192 pixels of RGB without compression
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # a `Path` has only one of the slashes
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_regular(path: Path, limit: float = math.inf) -> int:
    """Check that a path leads to a regular file of at most `limit` bytes, before anything opens it.

    Opening a named pipe waits for a writer, and a device such as /dev/zero has no end.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        remedy = "it is a URL: download the file and give its path" if URL.match(str(path)) else "check the path"
        raise InputError(f"{path} cannot be read ({reason}); {remedy}.") from error
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "no file")
        raise InputError(f"{path} is {kind}, not a regular file; copy its content into a file.")
    if found.st_size > limit:
        raise InputError(f"{path} has {found.st_size:,} bytes, but at most {limit:,} are expected; check the file.")
    return found.st_size


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes."""
    check_regular(path, limit)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def parse_json(text: str | bytes, source: str) -> Any:
    """Parse JSON that a file holds."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{source} is damaged: it holds no valid JSON ({reason}); restore it from a copy.") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object."""
    values = parse_json(read_bytes(path, JSON_BYTES), str(path))
    if not isinstance(values, dict):
        raise InputError(f"{path} is damaged: it holds no JSON object; restore it from a copy.")
    return values
