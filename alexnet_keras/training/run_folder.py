"""The folder of a run: the names of its files, who may write to it, its configuration and its history."""

import contextlib
import csv
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from alexnet_keras.config.serialization import build, from_dict, to_dict
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.lock import LOCK, lock_folder

ROOT = Path("saved_models")
CONFIG = "config.json"  # the whole configuration, and what was measured before training
HISTORY = "history.csv"  # one row for each epoch
MODEL = "model.keras"  # the best epoch, float32
EVALUATION = "evaluation.json"  # the errors of the model, with their provenance
EXAMPLE = "example.png"  # a validation image, to try `predict` with
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"  # while the run is unfinished
OVERWRITTEN = (
    CONFIG,
    HISTORY,
    EXAMPLE,
    TENSORBOARD,
    CHECKPOINTS,
    "model*",
    "saved_model*",
    "evaluation*",
    "export.json",
    "compression.json",
    ".partial-*",
)


def default_path(config: TrainConfig) -> Path:
    """A new name in saved_models/: time, recipe and data, so that names sort by age.

    The time has milliseconds, so that runs that start in the same second get different folders.
    """
    now = time.time()
    start = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{int(now % 1 * 1000):03}"
    data = Path(config.data).name.replace("/", "-") or "data"
    return ROOT / f"{start}-{config.recipe}-{data}"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The origin of the trained weights that a run starts with.

    Attributes:
        sha256: the checksum of their file.
        layers: the layers that were taken from the file.
        new_layers: the layers that were not.
        mean, stddev: what the weights expect to be subtracted from pixels, and the difference to be divided by.
    """

    sha256: str
    layers: tuple[str, ...]
    new_layers: tuple[str, ...]
    mean: tuple[float, ...]
    stddev: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Properties of the data and the machine, which a new run stores in config.json before the first step.

    Attributes:
        class_names: in the order of the labels.
        train_images, validation_images: the numbers of images.
        colors: the mean and the covariance of the colors of the training images.
        policy: the Keras dtype policy; the configuration may say `auto`.
        weights: where trained weights come from; `None` if the run starts from the initializer.
    """

    class_names: tuple[str, ...]
    train_images: int
    validation_images: int
    colors: ColorStatistics
    policy: str
    weights: Origin | None = None


@contextlib.contextmanager
def claim(path: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
    """Lock the folder of a run for this process until the `with` block or the process ends; change nothing in it.

    Args:
        path: the folder, which is created if it does not exist. It must be empty unless it is a run and `resume` or
            `overwrite` is set.
        resume: whether the folder must be a run.
        overwrite: whether the folder may be a run.

    Raises:
        InputError: the folder cannot be used, or another process has locked it.
    """
    if resume or (overwrite and (path / CONFIG).exists()):
        read_config(path)
    elif path.exists() and not (path.is_dir() and set(os.listdir(path)) <= {LOCK}):
        remedy = "or remove it"
        if (path / CONFIG).exists():
            remedy = "resume it with `resume=True`, or replace it with `overwrite=True`"
        raise InputError(f"The run folder {path} exists; choose another `run`, {remedy}.")
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            busy = f"Another process trains in {path}; wait until it has finished, or choose another `run`."
            stack.enter_context(lock_folder(path, busy))
        except OSError as error:
            raise InputError(
                f"The run folder {path} cannot be written to ({error.strerror}); choose another `run`."
            ) from error
        yield


def clear(path: Path) -> None:
    """Remove the files of a run and of its exports; other files stay."""
    for file in {file for pattern in OVERWRITTEN for file in path.glob(pattern)}:
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink()


def sweep(path: Path) -> None:
    """Remove the files that a killed training was writing."""
    for name in (CONFIG, HISTORY, MODEL, EVALUATION, EXAMPLE):
        for partial in path.glob(f".partial-????????-{name}"):
            partial.unlink()


def write_config(run: Path, config: TrainConfig, measured: Measured) -> None:
    """Write config.json."""
    atomic_files.write_json(run / CONFIG, {**to_dict(config), "measured": asdict(measured)})


def read_config(run: Path) -> tuple[TrainConfig, Measured]:
    """The configuration of a run, and what the run has measured.

    Raises:
        InputError: the folder is no run, or its configuration is damaged or of another version.
    """
    if not (run / CONFIG).is_file():
        raise InputError(f"{run} is no run: it has no {CONFIG}. To start a run there, train without `resume=True`.")
    values = read_json(run / CONFIG)
    try:
        measured = build(Measured, values.pop("measured", None), "measured")
        return from_dict(values), measured
    except OptionError as error:
        raise InputError(f"{run / CONFIG} is damaged, or of another version: {error}") from error


def discard_if_empty_handed(path: Path) -> None:
    """Remove the folder of a run that has neither a model nor a checkpoint, and saved_models/ if it is empty then."""
    if not (path / MODEL).exists() and not (path / CHECKPOINTS).exists():
        shutil.rmtree(path, ignore_errors=True)
        if path.parent == ROOT:
            with contextlib.suppress(OSError):
                ROOT.rmdir()


def write_history(run: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write history.csv."""
    with atomic_files.appear_whole(run / HISTORY) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_history(run: Path) -> list[dict[str, float]]:
    """The rows of history.csv, one for each epoch."""
    with (run / HISTORY).open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
