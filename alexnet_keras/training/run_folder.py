"""What lies in saved_models/<run>/: its names, who may write it, its configuration and history."""

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

try:
    import fcntl
except ImportError:  # Windows, where two processes on one run are not told apart
    fcntl = None  # type: ignore[assignment]

ROOT = Path("saved_models")
CONFIG = "config.json"  # the whole configuration, and what was measured before training
HISTORY = "history.csv"  # a row an epoch
MODEL = "model.keras"  # the best epoch, float32
EVALUATION = "evaluation.json"  # its errors, with provenance
EXAMPLE = "example.png"  # a validation picture, to try `predict` on
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"  # while the run is unfinished
LOCK = ".lock"  # held by the process that trains
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
    """A new name under saved_models/: time, recipe and data, so that names sort by age."""
    data = Path(config.data).name.replace("/", "-") or "data"
    return ROOT / f"{time.strftime('%Y%m%d-%H%M%S')}-{config.recipe}-{data}"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The trained weights that a run began from.

    Attributes:
        sha256: of their file.
        layers: what was taken over.
        new_layers: what was not.
        mean, stddev: what they expect to be subtracted from pixels, and the difference to be divided by.
    """

    sha256: str
    layers: tuple[str, ...]
    new_layers: tuple[str, ...]
    mean: tuple[float, ...]
    stddev: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a run takes from its data and its machine before the first step.

    Attributes:
        class_names: in the order of the labels.
        train_images, validation_images: how many there are.
        colours: mean and covariance of the training images' colours.
        policy: the Keras dtype policy that `auto` became.
        weights: where they come from, if not from the initializer.
    """

    class_names: tuple[str, ...]
    train_images: int
    validation_images: int
    colors: ColorStatistics
    policy: str
    weights: Origin | None = None


@contextlib.contextmanager
def claim(path: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
    """Hold a run's folder for this process, until the block ends or the process dies.

    Args:
        path: the folder; made if need be. It must be empty, or else a run and `resume` or `overwrite` be set. Neither
            changes anything yet.
        resume: whether the folder must be a run.
        overwrite: whether it may be one.

    Raises:
        InputError: it cannot be claimed so, or another process holds it.
    """
    if resume or (overwrite and (path / CONFIG).exists()):
        read_config(path)
    elif path.exists() and not (path.is_dir() and set(os.listdir(path)) <= {LOCK}):
        remedy = "go on with --resume, or replace it with --overwrite" if (path / CONFIG).exists() else "or remove it"
        raise InputError(f"The run folder {path} exists; choose another --run, {remedy}.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / LOCK).open("a")
    except OSError as error:
        raise InputError(
            f"The run folder {path} cannot be written ({error.strerror}); choose another with --run."
        ) from error
    with lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"Another process trains in {path}; wait for it, or choose another --run.") from error
            except OSError:
                pass  # a file system without locks
        yield


def clear(path: Path) -> None:
    """Remove what a run and its exports have written; other files stay."""
    for file in {file for pattern in OVERWRITTEN for file in path.glob(pattern)}:
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink()


def sweep(path: Path) -> None:
    """Remove what a training that was killed was just writing."""
    for name in (CONFIG, HISTORY, MODEL, EVALUATION, EXAMPLE):
        for partial in path.glob(f".partial-????????-{name}"):
            partial.unlink()


def write_config(run: Path, config: TrainConfig, measured: Measured) -> None:
    atomic_files.write_json(run / CONFIG, {**to_dict(config), "measured": asdict(measured)})


def read_config(run: Path) -> tuple[TrainConfig, Measured]:
    """The configuration of a run, and what it had measured.

    Raises:
        InputError: the folder is no run, or its configuration is damaged or another version's.
    """
    if not (run / CONFIG).is_file():
        raise InputError(f"{run} is no run: it has no {CONFIG}. Without --resume, training begins there.")
    values = atomic_files.read_json(run / CONFIG)
    try:
        measured = build(Measured, values.pop("measured", None), "measured")
        return from_dict(values), measured
    except OptionError as error:
        raise InputError(f"{run / CONFIG} is damaged, or of another version: {error}") from error


def discard_if_empty_handed(path: Path) -> None:
    """Remove the folder of a run that ended before it had anything to keep, and saved_models/ if it is empty then."""
    if not (path / MODEL).exists() and not (path / CHECKPOINTS).exists():
        shutil.rmtree(path, ignore_errors=True)
        if path.parent == ROOT:
            with contextlib.suppress(OSError):
                ROOT.rmdir()


def write_history(run: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with atomic_files.appear_whole(run / HISTORY) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_history(run: Path) -> list[dict[str, float]]:
    """The rows of history.csv, one an epoch."""
    with (run / HISTORY).open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


TABLE_HEADER = ("run", "data", "variant", "epochs", "top-1 error", "top-5 error", "images", "minutes", "hardware")


def table(folders: Sequence[Path]) -> str:
    """A Markdown table of finished runs, for saved_models/README.md."""
    rows = [TABLE_HEADER, ("---",) * len(TABLE_HEADER), *(_row(folder) for folder in folders)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(run: Path) -> tuple[str, ...]:
    config, evaluation = atomic_files.read_json(run / CONFIG), atomic_files.read_json(run / EVALUATION)
    history = read_history(run)
    return (
        run.name,
        Path(config["data"]).name,
        config["architecture"]["name"],
        str(len(history)),
        f"{evaluation['top1_error']:.2%}",
        f"{evaluation['top5_error']:.2%}",
        f"{evaluation['num_images']:,}",
        f"{sum(row['seconds'] for row in history) / 60:.0f}",
        f"{evaluation['provenance']['hardware']}, {evaluation['provenance']['precision']}",
    )
