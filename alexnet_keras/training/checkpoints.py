"""All that a training needs to go on: written whole or not at all, checked when read, two of them kept."""

import contextlib
import dataclasses
import json
import os
import sys
import zipfile
from collections.abc import Mapping
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
    """Where a run is, besides its tensors. Everything is as JSON has it.

    Attributes:
        epoch: epochs that are over.
        step: steps of the next one that are done; all of them means that only its validation is missing.
        steps: steps of an epoch.
        metrics: sums of the running epoch: name -> values of the metric's variables.
        seconds, train_seconds: how long the running epoch has taken so far, with and without validation.
        history: rows of history.csv, as text.
        best: top-1 error and loss of the best epoch on the validation pictures, or `None`.
        best_epoch: its number, from 1.
        plateau: what the plateau schedule has counted.
        over: whether the schedule has ended the run.
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

    def position(self) -> str:
        return f"epoch {self.epoch + 1}, step {self.step:,}" if self.step else f"the end of epoch {self.epoch}"


class DamageError(Exception):
    """A checkpoint that cannot be read; the message is the reason."""


class Checkpoints:
    """The checkpoints of one run, and the models of the epochs that they hold for the best.

    A checkpoint is one .npz without pickles: a variable a member, and the state as JSON. Its ZIP container has a
    CRC-32 of every member. It is the only file that a resumed run believes: history.csv and model.keras are made
    from it. So each epoch that becomes the best has its model here first, and model.keras is another name for it.

    Args:
        run: the run's folder.
        variables: all of the training's variables, by names that are the same in every process.
    """

    def __init__(self, run: Path, variables: Mapping[str, keras.Variable]) -> None:
        self.run, self.folder, self.variables = run, run / run_folder.CHECKPOINTS, variables
        self.last: Path | None = None  # the newest good one

    def write(self, state: State) -> Path:
        """Write a checkpoint, and remove what nobody needs then.

        Raises:
            RunError: a variable is no longer finite; nothing was written.
            OSError: the disk is full; what was there before is there still.
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
        self._prune(state)
        return path

    def read(self) -> tuple[State, dict[str, np.ndarray]] | None:
        """Read the newest checkpoint that is whole, and say so if it is not the newest.

        Returns:
            The state and the variables' values for `assign`, or `None` where there is no checkpoint.

        Raises:
            InputError: there are checkpoints, and none can be used.
        """
        found = sorted(self.folder.glob(NAME.format(0).replace("000000000", "*")), reverse=True)
        reasons = []
        for path in found:
            try:
                state, values = self._read(path)
            except DamageError as error:
                reasons.append(f"{path} {error}")
                continue
            for reason, damaged in zip(reasons, found, strict=False):
                print(f"{reason}; going back to {path.name}, {state.position()}.", file=sys.stderr)
                os.replace(damaged, damaged.with_name(f"damaged-{damaged.name}"))
            self.last = path
            return state, values
        if reasons:
            raise InputError(
                f"No checkpoint can be used: {'; '.join(reasons)}. Restore one, or begin again with --overwrite."
            )
        return None

    def assign(self, values: Mapping[str, np.ndarray]) -> None:
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
            raise DamageError("is of another network")
        return state, values

    def best(self, epoch: int) -> Path:
        """Where the model of an epoch, counted from 1, is while it is or may become again the best."""
        return self.folder / BEST.format(epoch)

    def publish(self, state: State) -> None:
        """Make model.keras the model of the best epoch, or remove it where no epoch is over.

        Raises:
            InputError: somebody has removed the model.
        """
        model = self.run / run_folder.MODEL
        if state.best_epoch is None:
            model.unlink(missing_ok=True)
            return
        best = self.best(state.best_epoch)
        if not best.exists():
            raise InputError(f"{best}, the model of the best epoch, is missing; begin again with --overwrite.")
        atomic_files.link(best, model)

    def _prune(self, state: State) -> None:
        """Keep the newest checkpoints, and the models that they hold for the best."""
        found = sorted(self.folder.glob(NAME.format(0).replace("000000000", "*")), reverse=True)
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
