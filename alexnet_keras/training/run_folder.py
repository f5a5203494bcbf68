"""The folder of a run: the names of its files, who may write to it, its configuration and its history."""

import contextlib
import csv
import itertools
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alexnet_keras.config.serialization import CONFIG as CONFIG
from alexnet_keras.config.serialization import build, from_dict, to_dict
from alexnet_keras.config.training import PRECISIONS, TrainConfig
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.inference.evaluation import Evaluation
from alexnet_keras.system import atomic_files, file_list
from alexnet_keras.system.errors import InputError, OptionError, check
from alexnet_keras.system.input_files import JSON_BYTES, read_bytes, read_json
from alexnet_keras.system.lock import LOCK, lock_folder
from alexnet_keras.system.terminal_text import brief, printable

ROOT = Path("saved_models")
HISTORY = "history.csv"  # one row for each epoch
MODEL = "model.keras"  # the best epoch, float32
EVALUATION = "evaluation.json"  # the errors of the model, with their provenance
CARD = "README.md"  # the model card
EXAMPLE = "example.png"  # a validation image, to try `predict` with
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"  # while the run is unfinished
STEPS, BESTS = re.compile(r"step-\d{9,}\.npz"), re.compile(r"best-\d{5,}\.keras")  # in the folder of the checkpoints
NUMBERED = re.compile(rf"(damaged-)?{STEPS.pattern}|{BESTS.pattern}")
COLUMNS = (
    *("epoch", "learning_rate", "loss", "top1_error", "top5_error"),
    *("validation_loss", "validation_top1_error", "validation_top5_error", "images_per_second", "seconds"),
)
TOP5_COLUMNS = {"top5_error", "validation_top5_error"}  # the epochs of earlier versions lack them
NEW = ".new-run"  # the files of a run that will replace the run in the folder, until it has a checkpoint
READY = ".new-run-ready"  # the same files while they replace those of the run before
# What a run of version 0.1.0, which has no list of its files, may hold: the names that the program chose.
NAMES_BEFORE_LISTS = (
    *(HISTORY, MODEL, EVALUATION, EXAMPLE, "compression.json", "model.alexnet", "model-pruned.keras"),
    *(f"model{kind}.tflite" for kind in ("", "-pruned", "-float16", "-dynamic", "-int8", "-int8-only")),
    *("model.onnx", "model-int8.onnx", "model-export.keras", "export.json"),
    *(f"saved_model/{name}" for name in ("saved_model.pb", "fingerprint.pb", "variables/variables.index")),
    *("saved_model/variables/variables.data-00000-of-00001", "saved_model/assets/labels.txt"),
    "saved_model/assets.extra/tf_serving_warmup_requests",
    CONFIG,
)


@contextlib.contextmanager
def reserve(run: str | Path | None, config: TrainConfig) -> Iterator[Path]:
    """Yield the folder of a run: `run`, or a new folder in saved_models/ that no other process gets.

    Its name has time, recipe and data, so that names sort by age. It is removed at the end if it is empty.
    """
    if run is not None:
        yield Path(run)
        return
    now = time.time()
    start = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{int(now % 1 * 1000):03}"
    path = ROOT / f"{start}-{config.recipe}-{Path(config.data).name.replace('/', '-') or 'data'}"
    names = itertools.chain([path], (path.with_name(f"{path.name}-{number}") for number in itertools.count(2)))
    with contextlib.ExitStack() as stack:
        yield next(name for name in names if stack.enter_context(_making(name)))


@contextlib.contextmanager
def _making(path: Path) -> Iterator[bool]:
    """As `atomic_files.making_folder`, with the error of a run."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(atomic_files.making_folder(path))
        except OSError as error:
            raise _unwritable(path, error) from error
        yield made


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The origin of the trained weights that a run starts with.

    Attributes:
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
        policy: the Keras dtype policy; the configuration may say `auto`.
        weights: where trained weights come from; `None` if the run starts from the initializer.
    """

    class_names: tuple[str, ...]
    train_images: int
    validation_images: int
    colors: ColorStatistics
    policy: str
    weights: Origin | None = None

    def __post_init__(self) -> None:
        names, colors, origin = self.class_names, self.colors, self.weights
        rows = (colors.mean, colors.eigenvalues, *colors.covariance, *colors.eigenvectors)
        squares = all(len(square) == 3 for square in (colors.covariance, colors.eigenvectors, *rows))
        possible = {
            "policy": self.policy in PRECISIONS[1:],
            "class_names": 0 < len(names) == len(set(names)),
            "train_images": self.train_images > 0,
            "validation_images": self.validation_images > 0,
            "colors": squares and all(abs(value) <= 255**2 for row in rows for value in row),
            "weights": origin is None
            or (len(origin.mean) == 3 and all(abs(value) <= 255 for value in origin.mean) and 0 < origin.stddev <= 255),
        }
        for name, is_possible in possible.items():
            check(is_possible, f"measured.{name} is impossible, got {brief(getattr(self, name))}.")


@contextlib.contextmanager
def claim(path: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
    """Lock the folder of a run for this process until the `with` block or the process ends.

    After an error, a new run that has no checkpoint is removed. A run that is to be overwritten stays as it is until
    `replace_old` is called; before that, `current` is the folder of the new run.

    Args:
        path: the folder, which is created if it does not exist. It must be empty unless it is a run and `resume` or
            `overwrite` is set.
    """
    replaces = overwrite and (path / CONFIG).exists()
    check_claim(path, resume=resume, overwrite=replaces)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_making(path))
        try:
            busy = f"Another process trains in {path}; wait until it has finished, or choose another `run`."
            stack.enter_context(lock_folder(path, busy))
            replace_old(path, only_begun=True)
            shutil.rmtree(path / NEW, ignore_errors=True)  # of a process that was killed
        except OSError as error:
            raise _unwritable(path, error) from error
        check_claim(path, resume=resume, overwrite=replaces)  # another process may have finished here meanwhile
        try:
            if not resume:  # a run that cannot be resumed stays as it was
                begin_list(path, replaces)
            yield
        except BaseException:
            if replaces:
                shutil.rmtree(path / NEW, ignore_errors=True)
            elif not resume:
                _discard(path)
            raise


def check_claim(path: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    """Raise `InputError` if `claim` would refuse a folder, without changing it."""
    if resume or (overwrite and (path / CONFIG).exists()):
        read_config(path)
    elif path.exists() and not (path.is_dir() and all(map(_is_leftover, os.listdir(path)))):
        remedy = "or remove it"
        if (path / CONFIG).exists():
            remedy = "resume it with `resume=True`, or replace it with `overwrite=True`"
        raise InputError(f"The run folder {path} exists; choose another `run`, {remedy}.")


def begin_list(path: Path, replaces: bool = False) -> None:
    """Make the folder of a run that will replace another one, and the list of the files of a run that has none."""
    try:
        if replaces:
            (path / NEW).mkdir()
        folder = current(path)
        file_list.create(folder, [name for name in owned(folder) if (folder / name).exists()])
    except OSError as error:
        raise _unwritable(path, error) from error


def _is_leftover(name: str) -> bool:
    """Whether a process that was killed may have left a file in the folder of a run that had not begun."""
    return name in (LOCK, file_list.LIST) or name.startswith(".partial-")


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"The run folder {path} cannot be written to ({error.strerror}); choose another `run`.")


def current(path: Path) -> Path:
    """The folder with the files of the run that is being trained: `path`, or a hidden one that will replace it."""
    return path / NEW if (path / NEW).is_dir() else path


def replace_old(path: Path, only_begun: bool = False) -> None:
    """Replace the run in a folder by the run in `current`, if that is another one.

    One renaming makes the new run the one that counts. Then the files of the old run are removed, and those of the new
    run are moved to their places, the configuration and the list of files last. The next `claim` completes this after a
    process was killed.

    Args:
        only_begun: whether to do so only if a process was killed in this function.
    """
    new, ready = path / NEW, path / READY
    if new.is_dir() and not only_begun:
        os.replace(new, ready)
    if (ready / file_list.LIST).is_file():
        moving = [file.relative_to(ready).as_posix() for file in ready.rglob("*") if not file.is_dir()]
        kept = {*moving, *file_list.read(ready)}
        for name in owned(path):
            if name not in kept:
                file_list.remove(path, name)
        for name in sorted(moving, key=lambda name: (name == file_list.LIST, name == CONFIG)):
            (path / name).parent.mkdir(exist_ok=True, parents=True)
            os.replace(ready / name, path / name)
    shutil.rmtree(ready, ignore_errors=True)


def owned(path: Path) -> list[str]:
    """The files that the program has written into a run and that another run may replace.

    They are in the run's list, or have the number of a checkpoint in their name. A model card that the user has changed
    is not among them.
    """
    listed = (path / file_list.LIST).exists()
    names = file_list.read(path) if listed else list(NAMES_BEFORE_LISTS)
    names = [name for name in names if name != CARD or file_list.is_sealed(path / CARD)]
    return [*(file.relative_to(path).as_posix() for file in numbered(path)), *names]


def numbered(path: Path, names: re.Pattern[str] = NUMBERED) -> list[Path]:
    """The files in the folder of the checkpoints of a run whose names match, sorted."""
    return sorted(file for file in (path / CHECKPOINTS).glob("*") if names.fullmatch(file.name))


def remove_checkpoints(path: Path) -> None:
    """Remove the checkpoints of a run; other files in their folder stay."""
    for file in numbered(path):
        file.unlink()
    atomic_files.remove_if_empty(path / CHECKPOINTS)


def _discard(path: Path) -> None:
    """Remove the files of a new run that has neither a checkpoint nor a model, but nothing else."""
    if not numbered(path, STEPS) and not (path / MODEL).exists():
        remove_checkpoints(path)
        for name in [*owned(path), file_list.LIST]:
            file_list.remove(path, name)


def write_config(run: Path, config: TrainConfig, measured: Measured) -> None:
    """Write the configuration of a run, and what the run has measured, into config.json."""
    atomic_files.write_json(run / CONFIG, {**to_dict(config), "measured": asdict(measured)}, owner=run)


def read_config(run: Path) -> tuple[TrainConfig, Measured]:
    """The configuration of a run, and what the run has measured."""
    path = (run / READY if (run / READY / CONFIG).is_file() else run) / CONFIG
    if not path.is_file():
        raise InputError(f"{run} is no run: it has no {CONFIG}; name a folder that 'alexnet-keras train' wrote.")
    values = read_json(path)
    try:
        measured = build(Measured, values.pop("measured", None), "measured")
        return from_dict(values), measured
    except OptionError as error:
        raise InputError(
            f"{path} is damaged, or of another version: {error} Restore a copy, or use the version that wrote it."
        ) from error


def write_history(run: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with atomic_files.appear_whole(run / HISTORY, owner=run) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_history(run: Path) -> list[dict[str, float]]:
    """The rows of history.csv, one for each epoch."""
    path = run / HISTORY
    try:
        return parse_history(csv.DictReader(read_bytes(path, JSON_BYTES).decode().splitlines()))
    except (ValueError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({printable(str(error))}); resume the run, or restore a copy.") from error


def read_evaluation(run: Path) -> Evaluation:
    path = run / EVALUATION
    try:
        return Evaluation.from_dict(read_json(path))
    except OptionError as error:
        raise InputError(f"{path} is damaged: {error} Measure the model with 'alexnet-keras evaluate'.") from error


def recorded(value: float) -> str:
    """A number as history.csv has it, with six digits."""
    return f"{value:.6g}"


def best_epoch(history: Sequence[Mapping[str, float]]) -> int | None:
    """The epoch of a history whose model is model.keras, from 1; `None` if no epoch is finished."""
    if not history:
        return None
    return int(min(history, key=lambda row: (row["validation_top1_error"], row["validation_loss"]))["epoch"])


def minutes_of(history: Sequence[Mapping[str, float]]) -> float:
    """The time of all finished epochs."""
    return sum(row["seconds"] for row in history) / 60


def facts_of(model: Path) -> dict[str, Any]:
    """What its run tells about a model file: variant, recipe, seed, and for model.keras the epoch and the epochs done.

    A model that is in no run, or in a damaged one, can still be used, so what is not known is left out.
    """
    facts: dict[str, Any] = {}
    with contextlib.suppress(InputError):
        config, _ = read_config(model.parent)
        facts = {"variant": config.architecture.name, "recipe": config.recipe, "seed": config.seed}
        if model.name == MODEL:
            history = read_history(model.parent)
            facts |= {"epoch": best_epoch(history), "epochs": len(history)}
    return facts


def parse_history(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The numbers of a history.

    Raises:
        ValueError: a row has other columns, or a value that is no number.
    """
    numbers = []
    for row in rows:
        known = {key: value for key, value in row.items() if value or key not in TOP5_COLUMNS}
        whole = all(isinstance(value, str) for value in known.values())
        if not whole or not set(COLUMNS) - TOP5_COLUMNS <= set(known) <= set(COLUMNS):
            raise ValueError("a row has other columns")
        numbers.append({key: float(value) for key, value in known.items()})
    return numbers
