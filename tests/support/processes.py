"""Programs in their own processes: TensorFlow settles the devices once for a process, and a signal ends a process.

The processes are forked from a server that has imported TensorFlow and computed nothing, which saves seven
seconds for each.
"""

import json
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import tempfile
import weakref
from pathlib import Path

import numpy as np
import pytest

from alexnet_keras.model.loading import load_model
from alexnet_keras.training import run_folder
from support import ROOT

CLOCKS = ("images_per_second", "seconds")
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.support.preloaded"])


class Program:
    """A Python program that runs in the root of the repository: `script.py` or `-c CODE`, and its arguments."""

    def __init__(self, *arguments: object, environment: dict[str, str] | None = None):
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder)
        self._files = [Path(folder) / name for name in ("out", "err")]
        for file in self._files:
            file.touch()
        values = (list(map(str, arguments)), {**os.environ, **(environment or {})}, self._files)
        self._process = SERVER.Process(target=_run, args=values, daemon=True)
        self._process.start()

    @property
    def code(self) -> int | None:
        """The exit code, the negative number of the signal that ended the program, or None while it runs."""
        return self._process.exitcode

    @property
    def out(self) -> str:
        return self._files[0].read_text()

    @property
    def err(self) -> str:
        return self._files[1].read_text()

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def end(self, seconds: float = 500) -> "Program":
        """Wait until the program has ended."""
        self._process.join(seconds)
        assert self.code is not None, f"still running after {seconds} seconds\n{self.out}\n{self.err}"
        return self

    def succeed(self) -> "Program":
        """Wait until the program has ended without an error."""
        assert self.end().code == 0, f"{self.out}\n{self.err}"
        return self


def _run(arguments: list[str], environment: dict[str, str], files: list[Path]) -> None:
    """Take the place of `python ARGUMENTS`, in the new process."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ.clear()
    os.environ.update(environment)
    np.random.seed()  # else every process would draw the same numbers
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY), number)
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def start_training(folder, run, environment=None, **options) -> Program:
    """Start `tests/support/train_tiny.py`."""
    program = ROOT / "tests" / "support" / "train_tiny.py"
    return Program(program, folder, json.dumps({"run": str(run), **options}), environment=environment)


def train(folder, run, devices, **options):
    """Return what `tests/support/train_tiny.py` prints: history, evaluation, run and standard error."""
    options["keywords"] = {"devices": devices, **options.get("keywords", {})}
    return result(start_training(folder, run, **options))


def result(training: Program) -> dict:
    """The history, the evaluation and the run of a program that `start_training` started, and its standard error."""
    training.succeed()
    return {**json.loads(training.out.splitlines()[-1]), "errors": training.err}


def assert_same_training(one, two):
    """Equal weights and metrics, within the rounding of sums in another order."""
    for row, other in zip(one["history"], two["history"], strict=True):
        for name in ("loss", "top1_error", "validation_loss", "validation_top1_error"):
            assert row[name] == pytest.approx(other[name], rel=1e-4, abs=1e-5), name
    assert one["evaluation"] == two["evaluation"]
    weights = [load_model(Path(result["run"]) / run_folder.MODEL).get_weights() for result in (one, two)]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=2e-5)


def history(run):
    """The rows of history.csv without clock times."""
    return [{name: value for name, value in row.items() if name not in CLOCKS} for row in run_folder.read_history(run)]
