"""Write files atomically: they appear complete or not at all."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_keras.system import file_list
from alexnet_keras.system.errors import InputError, OptionError, UnwritableError
from alexnet_keras.system.lock import acquire

FULL = (errno.ENOSPC, errno.EFBIG, *([errno.EDQUOT] if hasattr(errno, "EDQUOT") else []))  # Windows has no quotas


@contextlib.contextmanager
def appear_whole(path: Path, *, owner: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, which is renamed to `path` at the end and removed after an error.

    The temporary path has the same name, because libraries choose formats by suffix. It is in a locked folder
    `.partial-*` beside `path`. What a killed process has left there is removed by the next call. The folders above
    `path` are made, and removed again after an error.

    Args:
        owner: a folder whose list of files names the new file or files before they appear; see `file_list`.

    Raises:
        UnwritableError: the disk is full, or the file is larger than is allowed.
    """
    with naming_full_disk(path), making_folder(path.parent):
        sweep(path.parent)
        with _temporary_folder(path.parent) as folder:
            partial = folder / path.name
            yield partial
            if partial.is_file():
                with partial.open("rb") as file:
                    os.fsync(file.fileno())
            if owner is not None:
                file_list.add(owner, path, partial)
            os.replace(partial, path)
            with contextlib.suppress(OSError):  # a folder cannot be opened on Windows
                descriptor = os.open(path.parent, os.O_RDONLY)
                try:
                    os.fsync(descriptor)  # so that the new name survives a power failure
                finally:
                    os.close(descriptor)


@contextlib.contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Name what cannot be written if the disk is full.

    Raises:
        UnwritableError: the disk is full, or the file is larger than is allowed.
    """
    try:
        yield
    except UnwritableError:
        raise
    except Exception as error:  # zipfile, h5py and TensorFlow each have their own kinds for a full disk
        reason = next((text for text in map(os.strerror, FULL) if text in str(error)), None)
        if reason is None:
            raise
        message = f"{path} cannot be written ({reason}); free disk space, or write to another disk."
        raise UnwritableError(message, reason) from error


@contextlib.contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    descriptor = None
    while True:
        folder = parent / f".partial-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        try:
            descriptor = acquire(folder)
            break
        except (BlockingIOError, FileNotFoundError):
            continue  # another process took it for a leftover before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the temporary folders of `appear_whole` whose processes were killed: no process holds their locks."""
    for partial in folder.glob(f".partial-{'[0-9a-f]' * 8}"):
        with contextlib.suppress(OSError):  # it is in use, or another process has removed it
            descriptor = acquire(partial)
            if descriptor is not None:
                shutil.rmtree(partial, ignore_errors=True)
                os.close(descriptor)


def link(source: Path, target: Path, *, owner: Path | None = None) -> None:
    """Make `target` a hard link to `source`, or a copy where the file system has no hard links."""
    with appear_whole(target, owner=owner) as partial:
        try:
            os.link(source, partial)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, partial)


def write_output(output: Path, content: bytes, *, owner: Path | None = None) -> None:
    """Write a file that `check_output` has checked."""
    try:
        with appear_whole(output, owner=owner) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise unwritable(output, error) from error


def write_json(path: Path, values: Mapping[str, Any], *, owner: Path | None = None) -> None:
    with appear_whole(path, owner=owner) as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n")


@contextlib.contextmanager
def making_folder(path: Path) -> Iterator[bool]:
    """Make a folder and its parents, and remove those of them that are empty at the end.

    Yields:
        Whether this call made the folder. A folder that existed is left alone.

    Raises:
        OSError: a folder cannot be made.
    """
    made = False
    with contextlib.ExitStack() as stack:
        for folder in [folder for folder in (*reversed(path.parents), path) if not folder.exists()]:
            try:
                folder.mkdir()
            except FileExistsError:  # another process has just made it, or it is a link that leads nowhere
                if not folder.is_dir():
                    raise
                continue
            stack.callback(remove_if_empty, folder)
            made = folder == path
        yield made


def remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def check_output(output: Path, suffixes: Sequence[str] = (), argument: str = "output") -> None:
    """Check that an output can be written, before the long work that produces it.

    Args:
        argument: what messages call the output.
    """
    if suffixes and output.suffix not in suffixes:
        raise OptionError(
            f"`{argument}` must end in {' or '.join(suffixes)}, got {output.name!r}; try {output.stem + suffixes[0]!r}."
        )
    if os.path.lexists(output):  # a link that leads nowhere would be replaced
        raise InputError(f"The output {output} exists; choose another `{argument}`, or remove it.")
    folder = next(folder for folder in output.parents if os.path.lexists(folder))
    try:
        with tempfile.TemporaryFile(dir=folder):  # the folders below it are made when the output is written
            pass
    except OSError as error:
        raise unwritable(output, error, argument) from error


def unwritable(output: Path, error: Exception, argument: str = "output") -> InputError:
    """The error of an output that cannot be written, for example because the disk is full."""
    reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
    return InputError(f"The output {output} cannot be written ({reason}); choose another `{argument}`.")
