"""Write files atomically: they appear complete or not at all."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_keras.system.errors import InputError, OptionError


@contextlib.contextmanager
def appear_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, which is renamed to `path` at the end and removed after an error.

    The temporary path has the same folder and suffix, because libraries choose formats by suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield partial
        if partial.is_file():
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
        with contextlib.suppress(OSError):  # a folder cannot be opened on Windows
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # so that the new name survives a power failure
            finally:
                os.close(folder)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy where the file system has no hard links."""
    with appear_whole(target) as partial:
        try:
            os.link(source, partial)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, partial)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    with appear_whole(path) as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n")


def probe(folder: Path) -> None:
    """Create a folder unless it exists, and check that files can be written into it.

    Raises:
        OSError: the folder cannot be created or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".probe-{uuid.uuid4().hex[:8]}"
    file.touch()
    file.unlink()


def check_output(output: Path, suffixes: Sequence[str] = ()) -> None:
    """Check that an output can be written, before the long work that produces it.

    Args:
        output: the file or folder to write.
        suffixes: the allowed suffixes; `()` allows any.

    Raises:
        OptionError: the output has another suffix.
        InputError: the output exists, or its folder cannot be written to.
    """
    if suffixes and output.suffix not in suffixes:
        raise OptionError(
            f"`output` must end in {' or '.join(suffixes)}, got {output.name!r}; try {output.stem + suffixes[0]!r}."
        )
    if os.path.lexists(output):  # a link that leads nowhere would be replaced
        raise InputError(f"The output {output} exists; choose another `output`, or remove it.")
    try:
        probe(output.parent)
    except OSError as error:
        raise unwritable(output, error) from error


def unwritable(output: Path, error: Exception) -> InputError:
    """The error of an output that cannot be written, for example because the disk is full."""
    reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
    return InputError(f"The output {output} cannot be written ({reason}); choose another `output`.")
