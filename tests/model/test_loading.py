"""Models and weights from `.keras` files."""

import dataclasses
import io
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

from alexnet_keras.config.layer_names import LAYERS
from alexnet_keras.config.variants import ARCHITECTURES, CIFAR
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model, read_weights, save_model, weights_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights import trained_weights
from alexnet_keras.weights.trained_weights import Weights


def optimizer_variables(path):
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
        return list(file["optimizer/vars"]) if "optimizer/vars" in file else []


def test_a_trained_model_is_saved_and_loaded(tiny, tmp_path):
    path = tmp_path / "model.keras"
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", run_eagerly=True)
    images = np.random.RandomState(2).randint(0, 256, (6, 67, 67, 3), dtype=np.uint8)
    model.fit(images, np.arange(6) % 3, batch_size=6, verbose=0)
    model.save(path)
    small = tmp_path / "small.keras"
    save_model(model, small)
    assert [len(optimizer_variables(each)) for each in (path, small)] == [2 + len(model.trainable_variables), 0]
    np.testing.assert_array_equal(load_model(small)(images), model(images))
    with pytest.raises(InputError, match="small.keras exists; choose another `path`, or remove it"):
        save_model(model, small)
    save_model(model, small, overwrite=True)
    with pytest.raises(OptionError, match="`path` must end in .keras, got 'model.h5'; try 'model.keras'"):
        save_model(model, tmp_path / "model.h5", overwrite=True)
    assert model.optimizer is not None
    loaded = load_model(path)
    expected = model(images)
    np.testing.assert_array_equal(loaded(images), expected)
    assert loaded.get_layer("predictions").class_names == ("a", "b", "c")

    again = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), weights=path)
    np.testing.assert_array_equal(again(images), expected)
    features = AlexNet(tiny, include_top=False, input_shape=(67, 67, 3), weights=path)
    np.testing.assert_array_equal(features.get_layer("conv5b").kernel, model.get_layer("conv5b").kernel)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "float16"])
def test_weights_of_every_type_are_loaded(dtype, tiny, tmp_path):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), dtype=dtype)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded, layers = load_model(tmp_path / "model.keras"), read_weights(tmp_path / "model.weights.h5").layers
    assert [weight.dtype for weight in loaded.weights] == [weight.dtype for weight in model.weights]
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(after, np.float32), np.asarray(before, np.float32))
    np.testing.assert_array_equal(layers["fc8"]["kernel"], np.asarray(model.get_layer("fc8").kernel, np.float32))


def test_weights_join_the_towers_and_know_their_model(tiny, tmp_path):
    path = tmp_path / "model.keras"
    AlexNet(tiny, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c")).save(path)
    weights = read_weights(path)
    assert (weights.source, weights.mean, weights.stddev) == (str(path), (1, 2, 3), 64)
    assert (weights.class_names, weights.variants) == (("a", "b", "c"), ("tiny",))
    assert weights.layers["conv2"]["kernel"].shape == (5, 5, 4, 8)
    assert weights_of(AlexNet(tiny, include_top=False, input_shape=(67, 67, 3))).class_names is None
    assert weights_of(AlexNet(tiny, include_top=False, input_shape=(67, 67, 3), name="mine")).variants == ()


def test_weights_of_other_shapes_are_refused(tiny, tmp_path):
    path = tmp_path / "model.keras"
    AlexNet(tiny, classes=3, input_shape=(67, 67, 3)).save(path)
    with pytest.raises(InputError, match=r"model.keras has fc8/kernel of shape \(16, 3\), the model needs \(16, 4\)"):
        AlexNet(tiny, classes=4, input_shape=(67, 67, 3), weights=path)
    with pytest.raises(
        InputError, match=r"model.keras has conv2/kernel of shape \(5, 5, 4, 8\), the model needs \(5, 5, 8, 8\)"
    ):
        AlexNet(dataclasses.replace(tiny, towers=1), classes=3, input_shape=(67, 67, 3), weights=path)


def test_a_file_of_weights_decides_the_width_and_the_classes(tmp_path):
    model = AlexNet(width=0.05, classes=3, class_names=("a", "b", "c"), initializer="he_normal")
    model.save(tmp_path / "model.keras")
    archive.write(model, tmp_path / "model.alexnet")
    trained_weights.export(tmp_path / "model.npz", weights_of(model))
    for suffix in ("keras", "alexnet", "npz"):
        again = AlexNet(weights=tmp_path / f"model.{suffix}")
        assert again.get_layer("predictions").class_names == ("a", "b", "c")
        for before, after in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(after, before)
    other = AlexNet(weights=tmp_path / "model.keras", class_names=("x", "y", "z"))
    assert other.get_layer("predictions").class_names == ("x", "y", "z")
    with pytest.raises(InputError, match=r"of shape \(11, 11, 3, 8\), .* choose the variant, width, classes"):
        AlexNet(weights=tmp_path / "model.keras", width=1)
    with pytest.raises(OptionError, match="`class_names` has 2 names for 3 classes; pass one for each class"):
        AlexNet(weights=tmp_path / "model.keras", class_names=("x", "y"))


@pytest.mark.parametrize("width", [0.05, 0.25, 0.3, 1, 1.25])
@pytest.mark.parametrize("name", [*ARCHITECTURES, "cifar"])
def test_weights_tell_the_width_of_every_variant(name, width):
    spec = {**ARCHITECTURES, "cifar": CIFAR}[name]
    scaled = dataclasses.replace(spec, width=width)
    layers = (*LAYERS[: len(spec.filters)], *("fc6", "fc7")[: len(spec.hidden_units)])
    sizes = dict(zip(layers, (*scaled.channels, *scaled.units), strict=True))
    kernels = {layer: {"kernel": np.empty((0, size), np.float32)} for layer, size in sizes.items()}
    found = Weights(source="m", layers=kernels).with_width(spec)
    assert (found.channels, found.units) == (scaled.channels, scaled.units)
    kernels["conv1"] = {"kernel": np.empty((0, 9), np.float32)}
    assert Weights(source="m", layers=kernels).with_width(spec) == spec


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
        with pytest.raises(
            InputError, match="is not a .keras or .alexnet file; pass one of these or the folder of a run"
        ):
            load_model(path)
