"""Two devices take the steps of one, in their own processes: logical CPUs need a new TensorFlow."""

import json
import math

import pytest
import tensorflow as tf
from support import NARROW, cli, only_error
from support.processes import Program, assert_same_training, train

from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.system.errors import OptionError
from alexnet_keras.training import run_folder
from alexnet_keras.training.train import check_batch


def test_two_devices_take_the_steps_of_one(nine, one, events, tmp_path):
    """The last batch leaves one device without an image, in training and in validation (7 = 4 + 3)."""
    two = train(nine, tmp_path / "two", "cpu:2", **events)
    assert one["evaluation"]["num_images"] == 7
    assert_same_training(one, two)


@pytest.mark.slow
def test_two_devices_equal_one_after_150_steps(nine, tmp_path):
    """keras-team/keras#21061 and #20601: losses that became NaN after about 60 steps."""
    one = train(nine, tmp_path / "one", "cpu:1", epochs=50)
    two = train(nine, tmp_path / "two", "cpu:2", epochs=50)
    assert all(math.isfinite(value) for row in two["history"] for value in row.values())
    assert_same_training(one, two)


@pytest.mark.parametrize(
    ("devices", "precision"),
    [("cpu:3", "mixed_bfloat16"), pytest.param("cpu:2", "mixed_float16", marks=pytest.mark.slow)],
)
def test_the_command_line_trains_in_half_precision_and_with_dropout(devices, precision, nine, tmp_path):
    """The last batch leaves devices without an image."""
    run, hardware = tmp_path / "run", f"{devices[-1]} logical CPUs"
    options = ["--devices", devices, "--precision", precision, "--epochs", 1, "--batch-size", 4, "--run", run]
    program = Program("cli.py", "train", "--data", nine, *options, *NARROW, "--json").succeed()
    assert hardware in program.err
    assert json.loads(program.out)["num_images"] == 7
    assert all(math.isfinite(value) for row in run_folder.read_history(run) for value in row.values())
    assert hardware in json.loads((run / run_folder.EVALUATION).read_text())["provenance"]["hardware"]


def test_a_batch_that_is_normalized_as_a_whole_is_not_split():
    network = ARCHITECTURES["batchnorm"]
    check_batch(network, ["CPU:0"], False, "replicas")
    check_batch(network, ["CPU:0", "CPU:1"], False, "two-tower")  # each device has the whole batch
    check_batch(ARCHITECTURES["paper"], ["CPU:0", "CPU:1"], True, "replicas")
    with pytest.raises(OptionError, match="'batchnorm' normalizes whole batches, .* not on CPU:0, CPU:1; choose"):
        check_batch(network, ["CPU:0", "CPU:1"], False, "replicas")
    with pytest.raises(OptionError, match="not on several workers; choose `devices=gpu:1` or cpu:1"):
        check_batch(network, ["CPU:0"], True, "replicas")


def test_one_device_gets_its_batches_as_they_are():
    batches = tf.data.Dataset.range(3)
    assert Replicas(["CPU:0"]).distribute(batches) is batches


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--devices", "gpu:64"], "--devices gpu:64 asks for 64 GPUs, and TensorFlow finds none"),
        (["--devices", "gpu"], "--devices 'gpu' cannot be read"),
        (["--devices", "cpu:1", "--layout", "two-tower"], "--layout two-tower needs two devices and has 1 (CPU:0)"),
    ],
)
def test_what_the_machine_cannot_honour_is_one_line(options, message, folder, tmp_path):
    result = cli("train", "--data", folder, "--run", tmp_path / "run", *options)
    assert result.code == 2
    assert message in only_error(result)
    assert not (tmp_path / "run").exists()
