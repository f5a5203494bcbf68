"""Training in its own process, because TensorFlow settles the devices once for a process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alexnet_keras.model.loading import load_model
from alexnet_keras.training import run_folder
from support import ROOT

CLOCKS = ("images_per_second", "seconds")


def command(folder, run, **options):
    """The command of `tests/support/train_tiny.py`."""
    program = ROOT / "tests" / "support" / "train_tiny.py"
    return [sys.executable, str(program), str(folder), json.dumps({"run": str(run), **options})]


def train(folder, run, devices, **options):
    """What `tests/support/train_tiny.py` prints: history, evaluation, run and standard error."""
    options["keywords"] = {"devices": devices, **options.get("keywords", {})}
    result = subprocess.run(command(folder, run, **options), capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return {**json.loads(result.stdout.splitlines()[-1]), "errors": result.stderr}


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
