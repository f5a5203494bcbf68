"""The small network of the 2012 code for images of 32 pixels, and the settings that its experiments need."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.variants import CIFAR
from alexnet_keras.data import pipeline
from alexnet_keras.data.dataset import split_in_memory
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model, save_model
from alexnet_keras.system.errors import OptionError
from alexnet_keras.training.optimizer import KrizhevskySGD


@pytest.fixture(scope="module")
def model():
    return AlexNet(CIFAR, classes=10)


def test_its_layers_are_those_of_layers_18pct(model):
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes == {
        **{"images": (32, 32, 3), "mean": (32, 32, 3)},
        **{"conv1": (32, 32, 32), "pool1": (16, 16, 32), "norm1": (16, 16, 32)},
        **{"conv2": (16, 16, 32), "pool2": (8, 8, 32), "norm2": (8, 8, 32)},
        **{"conv3": (8, 8, 64), "pool3": (4, 4, 64), "flatten": (1024,), "fc8": (10,), "predictions": (10,)},
    }
    assert model.count_params() == 2_432 + 25_632 + 51_264 + 10_250
    kinds = [type(model.get_layer(f"pool{number}")).__name__ for number in (1, 2, 3)]
    assert kinds == ["MaxPooling2D", "AveragePooling2D", "AveragePooling2D"]
    deviations = [float(np.std(model.get_layer(name).kernel)) for name in ("conv1", "conv2", "conv3", "fc8")]
    np.testing.assert_allclose(deviations, [1e-4, 0.01, 0.01, 0.01], rtol=0.1)


def test_padding_counts_in_no_average(model):
    pooled = model.get_layer("pool3")(np.ones((1, 8, 8, 64), np.float32))
    np.testing.assert_array_equal(pooled, np.ones((1, 4, 4, 64)))


def test_it_is_saved_and_loaded(model, tmp_path):
    save_model(model, tmp_path / "small.keras")
    images = np.random.RandomState(0).randint(0, 256, (2, 32, 32, 3), np.uint8)
    loaded = load_model(tmp_path / "small.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_pixels_are_divided_as_the_architecture_says():
    stddevs = {value: AlexNet(CIFAR, pixel_stddev=value).get_layer("mean").stddev for value in (None, 32.0)}
    assert stddevs == {None: 1.0, 32.0: 32.0}
    assert AlexNet(CIFAR, initializer="he_normal").get_layer("mean").stddev == 64


def test_the_classifier_has_its_own_weight_decay():
    layers = [keras.layers.Dense(1, name=name, kernel_initializer="ones", use_bias=False) for name in ("fc7", "fc8")]
    model = keras.Sequential([keras.Input((1,)), *layers])
    optimizer = KrizhevskySGD(0.1, momentum=0.9, weight_decay=0.5, classifier_weight_decay=1.0)
    optimizer.build(model.trainable_variables)
    optimizer.apply([np.zeros((1, 1), np.float32)] * 2)
    np.testing.assert_allclose([float(layer.kernel[0, 0]) for layer in layers], [0.95, 0.9], rtol=1e-6)
    assert KrizhevskySGD.from_config(optimizer.get_config()).classifier_weight_decay == 1.0
    with pytest.raises(ValueError, match="`classifier_weight_decay` must be at least 0, got -1"):
        KrizhevskySGD(classifier_weight_decay=-1)


def test_without_augmentation_training_images_are_central_crops():
    images = np.random.RandomState(0).randint(0, 256, (6, 34, 34, 3), np.uint8)
    split = split_in_memory([""] * 6, np.arange(6), images)
    epochs = tf.data.Dataset.range(1)
    crops, labels = next(
        iter(
            pipeline.train_dataset(
                split, input_size=32, batch_size=6, epochs=epochs, seed=0, centered=True, flips=False
            )
        )
    )
    np.testing.assert_array_equal(crops, images[labels.numpy(), 1:33, 1:33])
    with pytest.raises(
        OptionError, match="features of each image once, also those of its flip, which `augment=no` excludes; choose"
    ):
        dataclasses.replace(recipe("transfer"), freeze="conv5", augment=False)
