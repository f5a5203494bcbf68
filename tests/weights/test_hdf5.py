"""Arrays from HDF5 files of Caffe and Keras, under the names that each gives them."""

import h5py
import keras
import numpy as np
import pytest
from support.weight_files import blobs, caffemodel, narrow

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import read_weights
from alexnet_keras.weights import trained_weights


def test_the_hdf5_form_of_a_caffemodel(tmp_path):
    given = blobs()
    with h5py.File(tmp_path / "a.caffemodel.h5", "w") as file:
        file.create_group("data/relu1")
        for layer, pair in given.items():
            for index, value in enumerate(pair):
                file[f"data/{layer}/{index}"] = value
    read = trained_weights.read(tmp_path / "a.caffemodel.h5")
    expected = trained_weights.read(caffemodel(tmp_path / "a.caffemodel", given))
    assert read.mean == expected.mean
    for layer, values in expected.layers.items():
        for key, value in values.items():
            np.testing.assert_array_equal(read.layers[layer][key], value, err_msg=layer)


@pytest.mark.parametrize("file", ["a.h5", "a.weights.h5"])
@pytest.mark.parametrize("batch_normalization", [False, True])
def test_a_trained_model_that_keras_saved_as_hdf5(file, batch_normalization, tmp_path):
    spec = narrow(batch_normalization=batch_normalization)
    model = AlexNet(spec, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    for weight in model.weights:
        weight.assign(keras.random.normal(weight.shape))
    if file == "a.h5":
        model.save(tmp_path / file)
    else:
        model.save_weights(tmp_path / file)
    read = read_weights(tmp_path / file)
    if file == "a.h5":
        assert (read.mean, read.class_names) == ((1, 2, 3), ("a", "b", "c"))
    assert not any("adam" in name for name in read.unknown)
    again = AlexNet(spec, classes=3, input_shape=(67, 67, 3), weights=tmp_path / file)
    for weight, expected in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())
