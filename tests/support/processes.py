"""Training in processes of their own, since devices are settled once a process."""

import json
import subprocess
import sys

import numpy as np
import pytest

from alexnet_keras.model.loading import load_model
from alexnet_keras.training import run_folder
from support import ROOT

CLOCKS = ("images_per_second", "seconds")


def train(folder, run, devices, **options):
    """Losses and errors of a run of tests/support/train_tiny.py."""
    options = {"run": str(run), "keywords": {"devices": devices}, **options}
    command = [sys.executable, ROOT / "tests" / "support" / "train_tiny.py", folder, json.dumps(options)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return {**json.loads(result.stdout.splitlines()[-1]), "errors": result.stderr}


def assert_same_training(folder, one, two):
    """Equal weights and metrics, within the rounding of sums in another order."""
    for row, other in zip(one["history"], two["history"], strict=True):
        for name in ("loss", "top1_error", "validation_loss", "validation_top1_error"):
            assert row[name] == pytest.approx(other[name], rel=1e-4, abs=1e-5), name
    assert one["evaluation"] == two["evaluation"]
    weights = [load_model(folder / name / run_folder.MODEL).get_weights() for name in ("one", "two")]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=2e-5)


def history(run):
    """The rows of history.csv without what a clock decides."""
    return [{name: value for name, value in row.items() if name not in CLOCKS} for row in run_folder.read_history(run)]
