"""What `benchmark input` measures and prints, for every kind of stored images."""

import dataclasses

import pytest
import tensorflow as tf
from support import cli

from alexnet_keras.benchmark import input as input_benchmark
from alexnet_keras.config.variants import ARCHITECTURES

KINDS = {
    "photographs": "the decoder alone",
    "stored JPEGs": "decode_and_crop_jpeg alone",
    "raw": "crop and flip alone",
}


@pytest.fixture(scope="module")
def sources(folder, tmp_path_factory):
    """The same images in each kind of storage."""
    root = tmp_path_factory.mktemp("kinds")
    found = {"photographs": folder}
    for kind, encoding in (("stored JPEGs", "jpeg"), ("raw", "raw")):
        found[kind] = root / encoding
        assert cli("data", "prepare", "--data", folder, "--output", found[kind], "--encoding", encoding).code == 0
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_benchmark_input_as_json(kind, sources):
    options = ("--images", 10, "--batch-size", 5, "--rounds", 2)
    result = cli("benchmark", "input", "--data", sources[kind], *options, "--json")
    assert result.code == 0, result.err
    values = result.json
    assert (values["kind"], values["images"], values["ceiling"]) == (kind, 12, KINDS[kind])
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
    assert values["processor_ms"] > 0
    assert values["fixed_images_per_second"] is values["fixed_processor_ms"] is None


def test_benchmark_input_for_people(sources, monkeypatch):
    narrow = {"filters": (8, 8, 8, 8, 8), "hidden_units": (16, 16)}
    monkeypatch.setitem(ARCHITECTURES, "paper", dataclasses.replace(ARCHITECTURES["paper"], **narrow))
    monkeypatch.setattr(input_benchmark, "TRAIN_STEPS", 1)
    options = ("--images", 10, "--batch-size", 5, "--rounds", 1, "--train", "paper", "--pca-noise", "none")
    options += ("--min-crop-area", 0.35)
    result = cli("benchmark", "input", "--data", sources["raw"], *options)
    assert result.code == 0, result.err
    for words in ("12 images, raw", "crop and flip alone", "lost to input", "images/s if crops are not resized",
                  "with resized crops of at least 35% of the area, flips and PCA noise none"):  # fmt: skip
        assert words in " ".join(result.out.split())  # without the breaks of long lines


def test_only_the_images_of_the_last_batch_are_counted():
    dataset = tf.data.Dataset.range(7).map(lambda i: (i, i)).batch(3)
    assert input_benchmark._drain(dataset)() == 7
