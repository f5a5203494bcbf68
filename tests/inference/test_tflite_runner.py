"""The program that predicts with a TFLite file describes it, answers each batch, and ends at its limits."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from support import ROOT

from alexnet_keras.inference import tflite_runner
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.inference.signature import MOST_ELEMENTS
from alexnet_keras.inference.tflite import PROGRAM


def run(path, images=b"", most_elements=MOST_ELEMENTS, folder=None):
    """Run the program, as `Runner` does, with all images at once."""
    command = [sys.executable, "-P", PROGRAM, path, str(most_elements)]
    return subprocess.run(command, input=images, capture_output=True, check=False, cwd=folder)


def test_the_model_and_then_the_probabilities_of_each_batch(exported, tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (3, 67, 67, 3), np.uint8)
    result = run(exported, images.tobytes(), folder=tmp_path)
    assert result.returncode == 0, result.stderr
    line, _, outputs = result.stdout.partition(b"\n")
    (source,), (target,) = json.loads(line)
    assert source == {"shape": [1, 67, 67, 3], "dtype": "float32", "quantization": [0.0, 0]}
    assert target == {"shape": [1, 3], "dtype": "float32", "quantization": [0.0, 0]}
    probabilities = np.frombuffer(outputs, np.float32).reshape(3, 3)
    np.testing.assert_allclose(probabilities, load_predictor(exported).predict(images), atol=1e-6)


def test_a_file_with_a_larger_array_than_allowed_is_not_described(exported):
    result = run(exported, most_elements=67 * 67 * 3 - 1)
    assert (result.returncode, result.stdout) == (1, b"")
    assert b"The file declares an array that is too large." in result.stderr


def test_a_file_that_is_no_model_fails(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"text")
    result = run(tmp_path / "m.tflite")
    assert result.returncode != 0
    assert result.stdout == b""


def limited(limit, use):
    """Set a limit in a process, and let it exceed this one."""
    code = f"import time; from alexnet_keras.inference import tflite_runner; tflite_runner.{limit}\n{use}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize(
    ("limit", "use", "ends"),
    [
        ("limit_time(1)", "while True: pass", {-signal.SIGXCPU, -signal.SIGKILL}),
        ("limit_time(100, wait=1)", "time.sleep(100)", {-signal.SIGALRM}),
    ],
    ids=["processor", "wait"],
)
def test_a_process_that_takes_too_long_is_killed(limit, use, ends):
    assert limited(limit, use).returncode in ends


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit of the address space")
def test_memory_beyond_the_limit_is_not_given():
    assert limited("limit_memory(1)", f"bytearray({tflite_runner.MOST_BYTES // 4})").returncode == 0
    result = limited("limit_memory(1)", f"bytearray({2 * tflite_runner.MOST_BYTES})")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "MemoryError"
