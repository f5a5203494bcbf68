"""Checkpoints: everything that a training needs to continue. They are written whole or not at all, and checked."""

import contextlib
import dataclasses
import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import DivergedError, InputError, RunError, check
from alexnet_keras.system.input_files import JSON_BYTES, parse_json
from alexnet_keras.system.terminal_text import printable
from alexnet_keras.system.zip_files import write_array
from alexnet_keras.training import run_folder

KEPT = 2
STATE = "state.json"
HEADER_BYTES = 4096  # of an array, at most
NAME = "step-{:09}.npz"
BEST = "best-{:05}.keras"


@dataclass(kw_only=True)
class PlateauState:
    """What the plateau schedule counts.

    Attributes:
        best: the lowest validation error, or `None`.
        waited: the epochs since then.
    """

    best: float | None = None
    waited: int = 0
    reductions: int = 0


@dataclass(kw_only=True)
class State:
    """The position and the records of a run, as JSON values; its variables are stored beside them.

    Attributes:
        step: the number of finished steps of the current epoch; if it equals `steps`, only the validation is missing.
        metrics: the sums of the current epoch: name -> values of the variables of the metric.
        seconds, train_seconds: how long the current epoch has taken so far, with and without validation.
        history: the rows of history.csv, as text.
        best: the top-1 error and the loss of the best epoch on the validation images, or `None`.
        best_epoch: the number of the best epoch, from 1.
        over: whether the plateau schedule or `target_error` has ended the run.
        complete: whether no step follows, so that the checkpoint has no variables.
    """

    epoch: int = 0
    step: int = 0
    steps: int
    metrics: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    train_seconds: float = 0.0
    history: list[dict[str, str]] = field(default_factory=list)
    best: list[float] | None = None
    best_epoch: int | None = None
    plateau: PlateauState = field(default_factory=PlateauState)
    over: bool = False
    complete: bool = False

    def __post_init__(self) -> None:
        possible = self.epoch >= 0 and 0 <= self.step <= self.steps and self.steps > 0
        check(possible, f"step {self.step} of {self.steps} in epoch {self.epoch} does not exist.")

    def end_epoch(self) -> None:
        self.epoch, self.step, self.metrics, self.seconds, self.train_seconds = self.epoch + 1, 0, {}, 0.0, 0.0

    def last_row(self) -> dict[str, float]:
        """The numbers of the epoch that ended last, to six digits."""
        return {name: float(value) for name, value in self.history[-1].items()}

    def position(self) -> str:
        """Return the epoch and step of the run as text for messages."""
        return f"epoch {self.epoch + 1}, step {self.step:,}" if self.step else f"the end of epoch {self.epoch}"


def newest_first(run: Path) -> list[Path]:
    """The checkpoints of a run, from the newest to the oldest."""
    return run_folder.numbered(run, run_folder.STEPS)[::-1]


class DamageError(Exception):
    """A checkpoint that cannot be read; the message is the reason."""


@contextlib.contextmanager
def writing_epoch(epoch: int, run: Path) -> Iterator[None]:
    """Explain what to do if the files of an epoch cannot be written."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The files of epoch {epoch} cannot be written to {run} ({reason_of(error)}), so the run stops before it "
            "loses more than this epoch. Free some disk space."
        ) from error


def reason_of(error: OSError) -> str:
    """Why a file cannot be written, on one line."""
    return error.strerror or " ".join(str(error).split())


class Checkpoints:
    """The checkpoints of one run, and the models of their best epochs.

    A checkpoint is one .npz file without pickles: one member for each variable, and the state as JSON. That of a run
    that gets no more steps has only the state, a few kilobytes instead of 455 MB. The ZIP container has a CRC-32 of
    every member. A resumed run reads only its checkpoints, and writes history.csv and model.keras again from them.
    Therefore the model of a new best epoch is written into the folder of the checkpoints first, and model.keras is then
    linked to it.
    """

    def __init__(self, folder: Path, variables: Mapping[str, keras.Variable]) -> None:
        self.final, self.variables = folder, variables
        self.last: Path | None = None  # the newest good one

    @property
    def run(self) -> Path:
        """The folder with the files of this run, which is a hidden one until the run replaces the one before."""
        return run_folder.current(self.final)

    @property
    def folder(self) -> Path:
        return self.run / run_folder.CHECKPOINTS

    def write(self, state: State) -> Path:
        """Write a checkpoint, and remove the files that are no longer needed.

        Raises:
            OSError: the disk is full; the earlier checkpoints are unchanged.
        """
        name = NAME.format(state.epoch * state.steps + state.step)
        with (
            atomic_files.appear_whole(self.folder / name, owner=self.run) as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        ):
            for member, variable in self.variables.items():
                value = variable.numpy()
                if not np.isfinite(value).all():
                    raise DivergedError(f"{member} is no longer finite.")
                if not state.complete:
                    write_array(archive, member, value)
            archive.writestr(STATE, json.dumps(dataclasses.asdict(state)))
        run_folder.replace_old(self.final)
        self.last = self.folder / name
        remove_old(self.run, KEPT, *([] if state.best_epoch is None else [self.best(state.best_epoch)]))
        return self.last

    def read(self) -> tuple[State, dict[str, np.ndarray]] | None:
        """Read the newest checkpoint that is not damaged, and print a line for each damaged one that is newer.

        Returns:
            The state, and the values of the variables for `assign`, none if the state is complete; `None` if there is
            no checkpoint.
        """
        found = newest_first(self.run)
        reasons = []
        for path in found:
            try:
                state, values = self._read(path)
            except DamageError as error:
                reasons.append(f"{path} {error}")
                continue
            for reason, damaged in zip(reasons, found, strict=False):
                print_message(f"{reason}; resuming from {path.name}, {state.position()}.")
                os.replace(damaged, damaged.with_name(f"damaged-{damaged.name}"))
            self.last = path
            return state, values
        if reasons:
            raise InputError(
                f"No checkpoint can be used: {'; '.join(reasons)}. Restore one, or start again with `overwrite=True`."
            )
        return None

    def assign(self, values: Mapping[str, np.ndarray]) -> None:
        """Set the variables to the values that `read` returned."""
        for name, value in values.items():
            self.variables[name].assign(value)

    def _read(self, path: Path) -> tuple[State, dict[str, np.ndarray]]:
        """Read a checkpoint whose declared sizes are those of the variables, so that it cannot fill the memory.

        Raises:
            DamageError: the file is damaged.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                state = _state(archive)
                variables = {} if state.complete else self.variables
                if set(archive.namelist()) != {STATE, *(f"{name}.npy" for name in variables)}:
                    raise DamageError("belongs to another network")
                return state, {name: _array(archive, name, each) for name, each in variables.items()}
        except DamageError:
            raise
        except Exception as error:  # zipfile, json and NumPy each raise their own kinds
            reason = printable(" ".join(str(error).split())) or type(error).__name__
            raise DamageError(f"is damaged ({reason})") from error

    def best(self, epoch: int) -> Path:
        """Return the path of the model of an epoch, from 1; it exists while a checkpoint has it as the best epoch."""
        return self.folder / BEST.format(epoch)

    def publish(self, state: State) -> None:
        """Make model.keras the model of the best epoch, or remove it if no epoch is finished."""
        model = self.run / run_folder.MODEL
        if state.best_epoch is None:
            model.unlink(missing_ok=True)
            return
        best = self.best(state.best_epoch)
        if not best.exists():
            raise InputError(f"{best}, the model of the best epoch, is missing; start again with `overwrite=True`.")
        atomic_files.link(best, model, owner=self.run)


def remove_old(run: Path, kept: int, *models_needed: Path) -> None:
    """Keep the newest checkpoints of a run and the models of their best epochs; remove the others."""
    found, needed = newest_first(run), set(models_needed)
    for path in found[:kept]:
        with contextlib.suppress(OSError, ValueError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            best_epoch = _state(archive).best_epoch
            needed |= {path.with_name(BEST.format(best_epoch))} if best_epoch is not None else set()
    models = set(run_folder.numbered(run, run_folder.BESTS))
    for path in {*found[kept:], *(models - needed)}:
        path.unlink(missing_ok=True)


def remove_finished(run: Path, config: TrainConfig) -> None:
    """Remove the checkpoints of a finished run, but keep the newest if the schedule lets more epochs follow."""
    for path in [] if config.schedule.ends_with_run else newest_first(run)[:1]:
        with contextlib.suppress(OSError, ValueError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            state = _state(archive)
            if not (state.over or state.complete):
                remove_old(run, kept=1)
                return
    run_folder.remove_checkpoints(run)


def _state(archive: zipfile.ZipFile) -> State:
    """Read the state in a checkpoint.

    Raises:
        ValueError: the state is damaged.
    """
    if archive.getinfo(STATE).file_size > JSON_BYTES:
        raise ValueError(f"{STATE} is too large")
    state: State = build(State, parse_json(archive.read(STATE), STATE), STATE)
    run_folder.parse_history(state.history)
    return state


def _array(archive: zipfile.ZipFile, name: str, variable: keras.Variable) -> np.ndarray:
    """Read the value of a variable from a checkpoint.

    Raises:
        DamageError: the value has another shape or type than the variable.
    """
    shape, dtype = tuple(variable.shape), np.dtype(variable.dtype)
    size, member = math.prod(shape) * dtype.itemsize, archive.getinfo(f"{name}.npy")
    if not size < member.file_size <= size + HEADER_BYTES or member.compress_size != member.file_size:
        raise DamageError("belongs to another network")
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise DamageError("is damaged (another version of arrays)")
        if np.lib.format.read_array_header_1_0(file) != (shape, False, dtype):
            raise DamageError("belongs to another network")
        return np.frombuffer(file.read(), dtype).reshape(shape)  # at the end of the file its checksum is compared
