"""Models and weights from `.keras` files."""

import dataclasses
import os

import keras
import numpy as np
import pytest

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.from_weights import from_weights
from alexnet_keras.model.loading import load_model, read_weights, weights_of
from alexnet_keras.system.errors import InputError, OptionError


def test_a_trained_model_is_saved_and_loaded(tiny, tmp_path):
    path = tmp_path / "model.keras"
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    images = np.random.RandomState(2).randint(0, 256, (6, 67, 67, 3), dtype=np.uint8)
    model.fit(images, np.arange(6) % 3, batch_size=6, verbose=0)
    model.save(path)
    loaded = load_model(path)
    expected = model(images)
    np.testing.assert_array_equal(loaded(images), expected)
    assert loaded.get_layer("predictions").class_names == ("a", "b", "c")

    again = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), weights=path)
    np.testing.assert_array_equal(again(images), expected)
    features = AlexNet(tiny, include_top=False, input_shape=(67, 67, 3), weights=path)
    np.testing.assert_array_equal(features.get_layer("conv5b").kernel, model.get_layer("conv5b").kernel)


def test_weights_join_the_towers_and_know_their_model(tiny, tmp_path):
    path = tmp_path / "model.keras"
    AlexNet(tiny, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c")).save(path)
    weights = read_weights(path)
    assert (weights.source, weights.mean, weights.stddev) == (str(path), (1, 2, 3), 64)
    assert (weights.class_names, weights.variants) == (("a", "b", "c"), ("tiny",))
    assert weights.layers["conv2"]["kernel"].shape == (5, 5, 4, 8)
    assert weights_of(AlexNet(tiny, include_top=False, input_shape=(67, 67, 3))).class_names is None


def test_a_model_from_weights_has_their_classes(tiny):
    weights = weights_of(AlexNet(dataclasses.replace(tiny, input_size=67), classes=3))
    spec = dataclasses.replace(tiny, input_size=67)
    model, missing = from_weights(weights, spec, class_names=("a", "b", "c"))
    assert (model.output_shape, missing) == ((None, 3), ())
    assert model.get_layer("predictions").class_names == ("a", "b", "c")
    model, _ = from_weights(weights, spec, class_names=("a", "b"))
    assert model.get_layer("predictions").class_names is None
    without = dataclasses.replace(
        weights, layers={name: value for name, value in weights.layers.items() if name != "fc8"}
    )
    model, missing = from_weights(without, spec, allow_missing=True)
    assert (model.output_shape, missing) == ((None, 1000), ("fc8",))


def test_weights_of_other_shapes_are_refused(tiny, tmp_path):
    path = tmp_path / "model.keras"
    AlexNet(tiny, classes=3, input_shape=(67, 67, 3)).save(path)
    with pytest.raises(InputError, match=r"model.keras has fc8/kernel of shape \(16, 3\), the model needs \(16, 4\)"):
        AlexNet(tiny, classes=4, input_shape=(67, 67, 3), weights=path)
    with pytest.raises(
        InputError, match=r"model.keras has conv2/kernel of shape \(5, 5, 4, 8\), the model needs \(5, 5, 8, 8\)"
    ):
        AlexNet(dataclasses.replace(tiny, towers=1), classes=3, input_shape=(67, 67, 3), weights=path)


def test_files_without_an_alexnet_are_refused(tmp_path):
    with pytest.raises(OptionError, match="There is no model file .*absent.keras; check the path"):
        load_model(tmp_path / "absent.keras")
    text = tmp_path / "text.keras"
    text.write_text("no model")
    with pytest.raises(InputError, match="text.keras is damaged: it is not a complete ZIP archive; copy it again"):
        load_model(text)
    foreign = tmp_path / "foreign.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="other").save(foreign)
    with pytest.raises(InputError, match="foreign.keras holds the model 'other', which is not an AlexNet of this pack"):
        load_model(foreign)
    other = tmp_path / "weights.h5"
    other.write_text("")
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(InputError, match="pipe.keras is a named pipe, not a regular file"):
        load_model(tmp_path / "pipe.keras")
    for path in (other, tmp_path):
        with pytest.raises(InputError, match="is not a .keras file; pass a .keras file or the folder of a run"):
            load_model(path)
