"""Checkpoints: everything that a training needs to continue. They are written whole or not at all, and checked."""

import contextlib
import dataclasses
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, RunError
from alexnet_keras.training import run_folder

KEPT = 2
STATE = "state.json"
NAME = "step-{:09}.npz"
BEST = "best-{:05}.keras"


@dataclass(kw_only=True)
class State:
    """The position and the records of a run, as JSON values; its variables are stored beside them.

    Attributes:
        epoch: the number of finished epochs.
        step: the number of finished steps of the current epoch; if it equals `steps`, only the validation is missing.
        steps: the number of steps of an epoch.
        metrics: the sums of the current epoch: name -> values of the variables of the metric.
        seconds, train_seconds: how long the current epoch has taken so far, with and without validation.
        history: the rows of history.csv, as text.
        best: the top-1 error and the loss of the best epoch on the validation images, or `None`.
        best_epoch: the number of the best epoch, from 1.
        plateau: the state of the plateau schedule.
        over: whether the plateau schedule has ended the run.
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
    plateau: dict[str, Any] = field(default_factory=dict)
    over: bool = False

    def end_epoch(self) -> None:
        """Count the current epoch as finished."""
        self.epoch, self.step, self.metrics, self.seconds, self.train_seconds = self.epoch + 1, 0, {}, 0.0, 0.0

    def last_row(self) -> dict[str, float]:
        """The numbers of the epoch that ended last, to six digits."""
        return {name: float(value) for name, value in self.history[-1].items()}

    def position(self) -> str:
        """Return the epoch and step of the run as text for messages."""
        return f"epoch {self.epoch + 1}, step {self.step:,}" if self.step else f"the end of epoch {self.epoch}"


def newest_first(run: Path) -> list[Path]:
    """The checkpoints of a run, from the newest to the oldest."""
    return sorted((run / run_folder.CHECKPOINTS).glob("step-*.npz"), reverse=True)


class DamageError(Exception):
    """A checkpoint that cannot be read; the message is the reason."""


@contextlib.contextmanager
def writing_epoch(epoch: int, run: Path) -> Iterator[None]:
    """Explain what to do if the files of an epoch cannot be written.

    Raises:
        RunError: a file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The files of epoch {epoch} cannot be written to {run} ({reason_of(error)}), so the run stops before it "
            "loses more than this epoch. Free some disk space and continue with `resume=True`."
        ) from error


def reason_of(error: OSError) -> str:
    """Why a file cannot be written, on one line."""
    return error.strerror or " ".join(str(error).split())


class Checkpoints:
    """The checkpoints of one run, and the models of their best epochs.

    A checkpoint is one .npz file without pickles: one member for each variable, and the state as JSON. Its ZIP
    container has a CRC-32 of every member. A resumed run reads only its checkpoints, and writes
    history.csv and model.keras again from them. Therefore the model of a new best epoch is written into the folder of
    the checkpoints first, and model.keras is then linked to it.

    Args:
        run: the folder of the run.
        variables: all variables of the training, by names that are the same in every process.
    """

    def __init__(self, run: Path, variables: Mapping[str, keras.Variable]) -> None:
        self.run, self.folder, self.variables = run, run / run_folder.CHECKPOINTS, variables
        self.last: Path | None = None  # the newest good one

    def write(self, state: State) -> Path:
        """Write a checkpoint, and remove the files that are no longer needed.

        Raises:
            RunError: a variable is no longer finite; nothing was written.
            OSError: the disk is full; the earlier checkpoints are unchanged.
        """
        path = self.folder / NAME.format(state.epoch * state.steps + state.step)
        with atomic_files.appear_whole(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for name, variable in self.variables.items():
                value = variable.numpy()
                if not np.isfinite(value).all():
                    raise RunError(f"{name} is no longer finite.")
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, value, allow_pickle=False)
            archive.writestr(STATE, json.dumps(dataclasses.asdict(state)))
        self.last = path
        self._remove_old(state)
        return path

    def read(self) -> tuple[State, dict[str, np.ndarray]] | None:
        """Read the newest checkpoint that is not damaged, and print a line for each damaged one that is newer.

        Returns:
            The state, and the values of the variables for `assign`; `None` if there is no checkpoint.

        Raises:
            InputError: there are checkpoints, and none can be used.
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
                print(f"{reason}; resuming from {path.name}, {state.position()}.", file=sys.stderr)
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
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:
                    raise DamageError("is damaged (wrong checksum)")
                state = State(**json.loads(archive.read(STATE)))
            with np.load(path, allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in arrays.files if name != STATE}
        except DamageError:
            raise
        except Exception as error:  # zipfile, zlib, json and NumPy each raise their own kinds
            raise DamageError(f"is damaged ({' '.join(str(error).split()) or type(error).__name__})") from error
        expected = {name: tuple(variable.shape) for name, variable in self.variables.items()}
        if {name: value.shape for name, value in values.items()} != expected:
            raise DamageError("belongs to another network")
        return state, values

    def best(self, epoch: int) -> Path:
        """Return the path of the model of an epoch, from 1; it exists while a checkpoint has it as the best epoch."""
        return self.folder / BEST.format(epoch)

    def publish(self, state: State) -> None:
        """Make model.keras the model of the best epoch, or remove it if no epoch is finished.

        Raises:
            InputError: the model of the best epoch is missing.
        """
        model = self.run / run_folder.MODEL
        if state.best_epoch is None:
            model.unlink(missing_ok=True)
            return
        best = self.best(state.best_epoch)
        if not best.exists():
            raise InputError(f"{best}, the model of the best epoch, is missing; start again with `overwrite=True`.")
        atomic_files.link(best, model)

    def _remove_old(self, state: State) -> None:
        """Keep the newest checkpoints and the models of their best epochs; remove the others."""
        found = newest_first(self.run)
        needed = {self.best(state.best_epoch)} if state.best_epoch is not None else set()
        for path in found[:KEPT]:
            with (
                contextlib.suppress(OSError, KeyError, ValueError, zipfile.BadZipFile),
                zipfile.ZipFile(path) as archive,
            ):
                best_epoch = json.loads(archive.read(STATE))["best_epoch"]
                needed |= {self.best(best_epoch)} if best_epoch is not None else set()
        models = set(self.folder.glob("best-*.keras"))
        partial = set(self.folder.glob(".partial-*"))
        for path in {*found[KEPT:], *(models - needed), *partial}:
            path.unlink(missing_ok=True)
