"""SIGTERM while a command works: exit code 143, and nothing that is half written."""

import os
import shutil
import signal
import sys

import pytest
from click.testing import CliRunner
from support import cli

from alexnet_keras.cli.main import main
from alexnet_keras.compression.compress import _Compression
from alexnet_keras.export import saved_model, tflite
from alexnet_keras.inference import features

WORK = {
    "export RUN --format saved_model": (saved_model, "write"),
    "export RUN --format tflite": (tflite, "write"),
    "features RUN --output RUN/f.npz": (features, "_outputs"),
    "compress RUN --epochs 0": (_Compression, "_save_model"),
}


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def terminate(*arguments, **options):
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("command", WORK)
def test_a_command_that_is_terminated_leaves_nothing(command, copy, monkeypatch):
    before = set(os.listdir(copy))
    monkeypatch.setattr(*WORK[command], terminate)
    result = cli(*command.replace("RUN", str(copy)).split())
    assert result.code == 143
    assert result.err.splitlines()[-1].startswith("Stopped by SIGTERM.")
    assert set(os.listdir(copy)) - before <= {"compression.json"}  # the finished steps of the compression


def test_a_stopped_command_prints_nothing_of_unfinished_objects(copy, tmp_path, monkeypatch):
    """Their destructors run when Python ends, after the command has printed its last line."""
    printed = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    monkeypatch.setattr(features, "_outputs", terminate)
    result = CliRunner().invoke(main, ["features", str(copy), "--output", str(tmp_path / "f.npz")])
    assert result.exit_code == 143
    sys.unraisablehook("a destructor that failed")
    assert printed == []
