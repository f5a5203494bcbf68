"""The features of frozen layers are what these layers compute, for the images that training draws."""

import numpy as np
import pytest

from alexnet_keras.data import pipeline
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.training import feature_cache


@pytest.mark.parametrize("variant", ["paper", "caffe", "owt", "batchnorm"])
@pytest.mark.parametrize("last", ["conv1", "conv4", "conv5"])
def test_the_two_parts_compute_what_the_network_does(variant, last):
    model = AlexNet(variant, classes=3, input_shape=(67, 67, 3), filters=(8,) * 5, hidden_units=(16, 16))
    feature_cache.freeze(model, last)
    trunk, head = feature_cache.cut(model)
    assert not trunk.trainable_weights
    assert {weight.path for weight in head.trainable_weights} == {weight.path for weight in model.trainable_weights}
    assert not any(
        name.rstrip("ab") <= last
        for name in (w.path.split("/")[0] for w in head.trainable_weights)
        if name[:4] == "conv"
    )
    images = np.random.RandomState(0).randint(0, 256, (2, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_allclose(head(trunk(images)), model(images), rtol=1e-5, atol=1e-6)


def test_features_are_of_the_central_crop_and_its_flipped_image(folder):
    sizes = {"filters": (8,) * 5, "hidden_units": (16, 16)}
    model = AlexNet("caffe", classes=3, input_shape=(67, 67, 3), initializer="he_normal", **sizes)
    feature_cache.freeze(model, "conv5")
    trunk, _ = feature_cache.cut(model)
    dataset = open_dataset(str(folder))
    features = feature_cache.compute(trunk, dataset.train, dataset.validation, 67)
    turns = {"input_size": 67, "batch_size": 5, "seed": 3, "steps": 3, "first_step": 1}
    epochs = pipeline.tf.data.Dataset.range(2)
    images = pipeline.train_dataset(dataset.train, epochs=epochs, centered=True, **turns)
    for (values, labels), (crops, expected) in zip(features.train_dataset(epochs=epochs, **turns), images, strict=True):
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_allclose(values, trunk(crops), rtol=1e-5, atol=1e-5)
