"""Helpers of tests in several rooms: drawn data sets, and the command line in this process."""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from click.testing import CliRunner
from PIL import Image

from alexnet_keras.cli.main import main

ROOT = Path(__file__).parents[2]
CLASS_NAMES = ("blue", "green", "red")
NARROW = [f"--change={change}" for change in ("filters=8,8,8,8,8", "hidden_units=16,16", "input_size=67")]
SHARED_DATA = ROOT.parent / "shared" / "data"


def draw_folder(root: Path, train: int = 4, val: int = 3, size: tuple[int, int] = (72, 64)) -> Path:
    """Draw a folder of images whose classes are colours, with `train` and `val` images for each class."""
    random = np.random.RandomState(0)
    for split, count in (("train", train), ("val", val)):
        for label, name in enumerate(CLASS_NAMES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = random.randint(0, 60, size=(*size, 3), dtype=np.uint8)
                pixels[..., 2 - label] += 180
                Image.fromarray(pixels).save(folder / f"{index}.{('jpg', 'png', 'JPEG')[index % 3]}")
    return root


def cli(*arguments: object) -> SimpleNamespace:
    """Run the command line in this process; return its exit code, both outputs and the JSON of standard output."""
    hook = sys.unraisablehook
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    sys.unraisablehook = hook  # a stopped command leaves another one
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    try:
        values = json.loads(result.stdout)
    except ValueError:
        values = None
    return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr, json=values)


@contextlib.contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let this process write no larger file, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def only_error(result: SimpleNamespace) -> str:
    """Return the one line that a failed command printed on standard error."""
    lines = [line for line in result.err.splitlines() if line]
    assert len(lines) == 1, result.err
    assert lines[0].startswith("Error: ")
    assert result.out == ""
    return lines[0]
