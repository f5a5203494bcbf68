"""Benchmarks measure what they say. No figure is asserted: machines differ, and this one is busy with tests."""

import dataclasses
import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import cli, only_error

from alexnet_keras import benchmark
from alexnet_keras.benchmark import inference, naive, pillow, train
from alexnet_keras.benchmark import input as input_benchmark
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.export import tflite
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import training_operations


def test_subjects_alternate_and_medians_are_taken(monkeypatch):
    clock, order = itertools.count(), []
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))  # each measurement takes a second

    def work(name, items):
        return lambda: order.append(name) or next(items)

    rates = benchmark.alternate(
        {"one": work("one", iter([5, 1, 9])), "two": work("two", iter([7, 7, 7]))}, rounds=3, label="Measuring"
    )
    assert order == ["one", "two"] * 3
    assert rates["one"] == benchmark.Rate(5, 1, 9)
    assert rates["two"] == benchmark.Rate(7, 7, 7)
    assert str(benchmark.Rate(1234.56, 1, 2000).scaled(0.5)) == "617.3  (0.5 to 1,000.0)"


def test_operations_of_a_step_by_hand():
    # FACTS of the paper's network: millions of multiply-adds of conv1 to conv5 and of the fully connected layers.
    conv1, others = 105_415_200, 223_948_800 + 149_520_384 + 112_140_288 + 74_760_192 + 58_621_952
    assert training_operations(AlexNet("paper")) == 2 * (2 * conv1 + 3 * others)


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_the_obvious_network_is_the_same_network(variant):
    spec = _small(ARCHITECTURES[variant])
    ours = AlexNet(spec, classes=10, input_shape=(67, 67, 3))
    assert naive.naive_model(spec, 10, 67).count_params() == ours.count_params()


def test_the_obvious_code_computes_what_ours_does():
    """One tower, so that normalization has the same maps in its window; the same weights, the same logits."""
    spec = ARCHITECTURES["one_tower"]
    ours = AlexNet(
        spec, classes=10, input_shape=(67, 67, 3), classifier_activation=None, initializer="he_normal", mean=[115] * 3
    )
    theirs = naive.naive_model(spec, 10, 67)
    theirs.set_weights(ours.get_weights())
    images = np.random.RandomState(0).randint(0, 256, (4, 67, 67, 3), np.uint8)
    # Two orders of summation through eight layers: some 1e-6 of the largest logit, which is about 1.
    np.testing.assert_allclose(theirs(tf.cast(images, "float32")), ours(images), rtol=1e-4, atol=1e-5)


def test_benchmark_train_as_a_program(monkeypatch):
    monkeypatch.setattr(train, "MATRIX", 64)
    monkeypatch.setitem(ARCHITECTURES, "paper", _small(ARCHITECTURES["paper"]))
    result = cli("benchmark", "train", "--batch-size", 2, "--rounds", 2, "--precision", "float32", "--json")
    assert result.code == 0, result.err
    values = result.json
    assert values["variant"] == "paper"
    assert (values["batch_size"], values["precision"], values["jit_compile"]) == (2, "float32", False)
    for name in ("images_per_second", "naive_images_per_second", "matmul_gflops"):
        low, high = values["spread"][name]
        assert 0 < low <= values[name] <= high
    assert values["times_naive"] == pytest.approx(
        values["images_per_second"] / values["naive_images_per_second"], rel=0.02
    )
    peak = values["images_per_second"] * values["operations_per_image"] / 1e9 / values["matmul_gflops"]
    assert values["fraction_of_peak"] == pytest.approx(peak, rel=0.02, abs=1e-3)
    json.dumps(values)


def test_benchmark_train_for_people(monkeypatch):
    monkeypatch.setattr(train, "MATRIX", 64)
    monkeypatch.setitem(ARCHITECTURES, "paper", _small(ARCHITECTURES["paper"]))
    result = cli("benchmark", "train", "--batch-size", 2, "--rounds", 1, "--precision", "mixed_float16")
    assert result.code == 0, result.err
    assert "in mixed_float16" in result.out
    assert "fraction of the peak" in result.out


KINDS = {
    "photographs": "the decoder alone",
    "stored JPEGs": "decode_and_crop_jpeg alone",
    "raw": "crop and mirror alone",
}


@pytest.fixture(scope="module")
def kinds(folder, tmp_path_factory):
    """The same pictures in each kind of storage."""
    root = tmp_path_factory.mktemp("kinds")
    sources = {"photographs": folder}
    for kind, encoding in (("stored JPEGs", "jpeg"), ("raw", "raw")):
        sources[kind] = root / encoding
        assert cli("data", "prepare", "--data", folder, "--output", sources[kind], "--encoding", encoding).code == 0
    return sources


@pytest.mark.parametrize("kind", KINDS)
def test_benchmark_input_as_a_program(kind, kinds):
    values = cli(
        "benchmark", "input", "--data", kinds[kind], "--images", 10, "--batch-size", 5, "--rounds", 2, "--json"
    )
    assert values.code == 0, values.err
    values = values.json
    assert (values["pictures"], values["images"], values["ceiling"]) == (kind, 12, KINDS[kind])
    rates = ["images_per_second", "ceiling_images_per_second"]
    rates += ["pillow_images_per_second"] if kind == "photographs" else []
    for name in rates:
        low, high = values["spread"][name]
        assert 0 < low <= values[name] <= high
    assert values["first_batch_seconds"] > 0
    quotient = values["images_per_second"] / values["ceiling_images_per_second"]
    assert values["fraction_of_ceiling"] == pytest.approx(quotient, abs=2e-3)
    assert (values["times_pillow"] is None) == (kind != "photographs")
    assert values["training_lost_to_input"] is None


def test_benchmark_input_for_people(kinds, monkeypatch):
    monkeypatch.setattr(input_benchmark, "TRAIN_STEPS", 1)
    monkeypatch.setitem(ARCHITECTURES, "paper", _small(ARCHITECTURES["paper"]))
    options = ("--images", 10, "--batch-size", 5, "--rounds", 1, "--train", "paper", "--pca-noise", "none")
    result = cli("benchmark", "input", "--data", kinds["raw"], *options)
    assert result.code == 0, result.err
    for words in ("12 raw", "crop and mirror alone", "lost to input", "with crop, mirror and none colour noise"):
        assert words in result.out


@pytest.fixture
def models(tiny, tmp_path):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    model.save(tmp_path / "model.keras")
    archive.write(model, tmp_path / "model.alexnet")
    tflite.write(model, tmp_path / "model.tflite")
    return [tmp_path / f"model.{suffix}" for suffix in ("keras", "alexnet", "tflite")]


def test_benchmark_inference_as_a_program(models, monkeypatch):
    monkeypatch.setattr(inference, "READ_BYTES", 2**20)
    result = cli("benchmark", "inference", *models, "--rounds", 2, "--json")
    assert result.code == 0, result.err
    bandwidth = result.json["read_gigabytes_per_second"]
    for path, values in zip(models, result.json["models"], strict=True):
        assert (values["model"], values["bytes"]) == (str(path), path.stat().st_size)
        for name in ("milliseconds", "images_per_second"):
            low, high = values["spread"][name]
            assert 0 < low <= values[name] <= high
        read = values["bytes"] / values["milliseconds"] / 1e6 / bandwidth
        expected = None if path.suffix == ".alexnet" else pytest.approx(read, rel=0.02, abs=1e-3)
        assert values["fraction_of_bandwidth"] == expected


def test_benchmark_inference_for_people(models, monkeypatch, tmp_path):
    monkeypatch.setattr(inference, "READ_BYTES", 2**20)
    result = cli("benchmark", "inference", models[2], "--rounds", 1)
    assert result.code == 0, result.err
    for words in ("model.tflite", "GB/s read", "ms, one image"):
        assert words in result.out
    assert "There is no model" in only_error(cli("benchmark", "inference", tmp_path / "none.tflite"))


def test_the_pillow_loader_makes_every_image():
    image = tf.io.encode_png(np.zeros((300, 280, 3), np.uint8)).numpy()
    assert pillow.load([image] * 3, 227) == 3


def test_only_whole_batches_that_came_are_counted():
    dataset = tf.data.Dataset.range(7).map(lambda i: (i, i)).batch(3)
    assert input_benchmark._drain(dataset)() == 7


def _small(spec):
    return dataclasses.replace(spec, filters=(8, 8, 8, 8, 8), hidden_units=(16, 16))


def test_the_step_that_is_timed_is_a_training_step():
    model = keras.Sequential([keras.Input((67, 67, 3)), keras.layers.Flatten(), keras.layers.Dense(1000)])
    before = [weight.numpy() for weight in model.weights]
    work = train.training_steps(model, keras.optimizers.SGD(0.1), batch_size=2, input_size=67, count=2, jit=False)
    assert work() == 4
    assert int(model.optimizer.iterations) == 4  # two of them warmed up
    assert not np.array_equal(model.weights[0], before[0])
