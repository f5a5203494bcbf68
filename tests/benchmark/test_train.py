"""What `benchmark train` measures and prints."""

import dataclasses

import keras
import numpy as np
import pytest
from support import cli, only_error

from alexnet_keras.benchmark import train
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import training_operations


@pytest.fixture(autouse=True)
def small(monkeypatch):
    narrow = {"towers": 1, "filters": (8, 8, 8, 8, 8), "hidden_units": (16, 16), "input_size": 67}
    monkeypatch.setitem(ARCHITECTURES, "paper", dataclasses.replace(ARCHITECTURES["paper"], **narrow))
    monkeypatch.setattr(train, "MATRIX", 64)


def test_operations_of_a_step_by_hand():
    # Millions of multiply-adds of conv1 to conv5 and of the fully connected layers, from the paper's shapes.
    conv1, others = 105_415_200, 223_948_800 + 149_520_384 + 112_140_288 + 74_760_192 + 58_621_952
    network = AlexNet("paper", towers=2, filters=(96, 256, 384, 384, 256), hidden_units=(4096, 4096), input_size=227)
    assert training_operations(network) == 2 * (2 * conv1 + 3 * others)


def test_benchmark_train_as_json():
    result = cli("benchmark", "train", "--batch-size", 2, "--rounds", 2, "--precision", "float32", "--json")
    assert result.code == 0, result.err
    values = result.json
    assert values["variant"] == "paper"
    assert (values["batch_size"], values["precision"], values["jit_compile"]) == (2, "float32", False)
    for name in ("images_per_second", "baseline_images_per_second", "matmul_gflops"):
        low, high = values["spread"][name]
        assert 0 < low <= values[name] <= high
    rate, baseline, matrix = (
        values[name] for name in ("images_per_second", "baseline_images_per_second", "matmul_gflops")
    )
    rounding = 0.005 / min(rate, baseline, matrix)  # each has two decimals
    assert values["times_baseline"] == pytest.approx(rate / baseline, rel=0.01 + 2 * rounding)
    peak = rate * values["operations_per_image"] / 1e9 / matrix
    assert values["fraction_of_peak"] == pytest.approx(peak, rel=0.01 + 2 * rounding, abs=1e-3)


def test_benchmark_train_for_people():
    result = cli("benchmark", "train", "--batch-size", 2, "--rounds", 1, "--precision", "mixed_float16")
    assert result.code == 0, result.err
    assert "images/s in mixed_float16" in result.out
    assert "fraction of the peak  " in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_training_steps_train():
    model = keras.Sequential([keras.Input((67, 67, 3)), keras.layers.Flatten(), keras.layers.Dense(1000)])
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = [weight.numpy() for weight in model.weights]
    work = train.training_steps(model, train.random_batches(2, 67, 1000), 2)
    assert work() == 4
    assert int(model.optimizer.iterations) == 4  # two of them to warm up
    assert not np.array_equal(model.weights[0], before[0])


@pytest.mark.parametrize("command", [["benchmark", "train"], ["benchmark", "input"], ["train", "--dry-run"]])
def test_a_batch_beyond_the_memory_is_refused_before_it_is_made(command, monkeypatch):
    monkeypatch.setattr(train, "fits_in_memory", lambda size: False)
    result = cli(*command, "--batch-size", 65_536)
    message = "--batch-size 65536 takes more than a third of the free memory; choose a smaller one."
    assert message in only_error(result)
    assert result.code == 2
