"""A run that is killed again and again ends with the same bits as one that was never killed."""

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from support.processes import Program, history

from alexnet_keras.model.loading import load_model
from alexnet_keras.system.input_files import read_json
from alexnet_keras.training import run_folder

EPOCHS = 20

# The command line with a narrow network in its recipe, because the paper's network takes a second for each step.
PROGRAM = """
import dataclasses
import sys

from support.train_tiny import SMALL

from alexnet_keras.config import recipes

small = dataclasses.replace(recipes.quickstart(), architecture=SMALL, input_size=67, batch_size=5)
recipes.RECIPES["quickstart"] = lambda: small

from alexnet_keras.cli.main import main

main(sys.argv[1:])
"""


def start(run: Path, data: Path, *options: object) -> Program:
    """A process that starts the run, or resumes it if it exists."""
    how = ["--resume"] if (run / run_folder.CONFIG).exists() else ["--data", data, "--deterministic", *options]
    return Program("-c", PROGRAM, "train", "--run", run, "--checkpoint-minutes", 0.002, *how)


def began(run: Path, process: Program) -> None:
    """Wait until the process has written a checkpoint."""
    before = written(run)
    while process.code is None and written(run) == before:
        time.sleep(0.01)


def written(run: Path) -> set[tuple[str, int]]:
    return {(path.name, path.stat().st_mtime_ns) for path in (run / run_folder.CHECKPOINTS).glob("step-*.npz")}


def outcome(run: Path) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """The weights of the model of a run, and its history without clock times."""
    weights = load_model(run / run_folder.MODEL).get_weights()
    return weights, history(run)


def assert_equal(run: Path, other: Path, epochs: int) -> None:
    (weights, rows), (other_weights, other_rows) = outcome(run), outcome(other)
    assert [row["epoch"] for row in rows] == list(range(1, epochs + 1))
    assert rows == other_rows
    for weight, other_weight in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(weight, other_weight)
    evaluations = [read_json(path / run_folder.EVALUATION) for path in (run, other)]
    assert evaluations[0]["top1_error"] == evaluations[1]["top1_error"]
    for path in (run, other):
        left = {file.name for file in path.iterdir()}
        assert left == {".files", "config.json", "evaluation.json", "example.png", "history.csv", "model.keras"} | {
            "README.md",
            "tensorboard",
        }


def test_a_kill_and_two_signals_leave_no_trace(folder, tmp_path):
    """A signal saves the run first, and names the command that continues it."""
    whole = start(tmp_path / "whole", folder, "--epochs", EPOCHS)
    run = tmp_path / "stopped"
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = start(run, folder, "--epochs", EPOCHS)
        began(run, process)
        process.send(number)
        assert process.end().code == code, process.err
        if number != signal.SIGKILL:
            last = process.err.splitlines()[-1]
            assert last.startswith(f"Stopped by {number.name} at "), process.err
            assert last.endswith(f". To continue, train with --run {run} and --resume.")
    assert "Resuming at " in start(run, folder).succeed().err
    whole.succeed()
    assert_equal(run, tmp_path / "whole", EPOCHS)


@pytest.mark.slow
def test_ten_kills_at_random_moments_leave_no_trace(folder, tmp_path):
    epochs, kills, lives = 400, 0, 0
    began_at = time.monotonic()
    start(tmp_path / "whole", folder, "--epochs", epochs).succeed()
    whole_seconds = time.monotonic() - began_at
    moments = random.Random(0)
    run, process = tmp_path / "killed", None
    indices = []
    while True:
        lives += 1
        process = start(run, folder, "--epochs", epochs)
        if kills < 10:
            if moments.random() < 0.8:  # else at any moment between the start and the first step
                began(run, process)
            time.sleep(moments.uniform(0, whole_seconds / 12))
        else:
            process.end()
        if process.code is not None:
            break
        process.send(signal.SIGKILL)
        process.end()
        kills += 1
        indices.append(
            max((path.name for path in (run / run_folder.CHECKPOINTS).glob("step-*.npz")), default="nothing")
        )
    process.succeed()
    print(f"{kills} kills in {lives} lives; the newest checkpoint at each: {', '.join(indices)}")
    assert kills == 10
    assert_equal(run, tmp_path / "whole", epochs)
