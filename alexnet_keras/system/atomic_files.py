"""Files that appear whole or not at all."""

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
    """Yield a path to write to; what was written gets its name `path` at the end, or vanishes with an error.

    The file or folder is written beside its place, with the same suffix, since libraries choose formats by suffix.
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
                os.fsync(folder)  # the name too must outlast a power failure
            finally:
                os.close(folder)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, in place of what has it now; copy the file where names cannot be shared."""
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: the file is missing or no JSON object.
    """
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is missing or damaged; the run it belongs to cannot be used.") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no JSON object; the run it belongs to cannot be used.")
    return values


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
    if output.exists():
        raise InputError(f"The output {output} exists; choose another `output`, or remove it.")
    try:
        probe(output.parent)
    except OSError as error:
        raise unwritable(output, error) from error


def unwritable(output: Path, error: Exception) -> InputError:
    """The error of an output that cannot be written, for example because the disk is full."""
    reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
    return InputError(f"The output {output} cannot be written ({reason}); choose another `output`.")
