"""A network for images of any size gives fc6 feature maps of the size that it was built for."""

import keras
import numpy as np
import pytest

from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.distribution import two_tower
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.any_size import ResizedMaps, for_any_size

THIN = {"width": 1 / 16, "classes": 3}


def images(size, count=2):
    return np.random.RandomState(size).randint(0, 256, (count, size, size, 3), np.uint8)


@pytest.mark.parametrize("variant", sorted(ARCHITECTURES))
def test_images_of_the_networks_own_size_give_its_own_outputs(variant):
    model = AlexNet(variant, **THIN)
    given = images(ARCHITECTURES[variant].input_size)
    np.testing.assert_array_equal(for_any_size(model)(given), model(given))


def test_the_weights_of_fc6_add_up_where_maps_are_enlarged():
    """131 pixels leave 3 x 3 maps, 227 leave 6 x 6: each value counts four times."""
    model = AlexNet("paper", **THIN, initializer="he_normal")
    small = AlexNet("paper", **THIN, initializer="he_normal", input_shape=(131, 131, 3))
    for layer in small.layers:
        weights = model.get_layer(layer.name).get_weights()
        if layer.name.startswith("fc6"):
            kernel, bias = weights
            weights = [kernel.reshape(3, 2, 3, 2, 16, -1).sum((1, 3)).reshape(144, -1), bias]
        layer.set_weights(weights)
    given = images(131)
    found = for_any_size(model)(given)
    np.testing.assert_allclose(found, small(given), rtol=1e-4)
    assert not np.allclose(found[0], found[1])


def test_maps_are_enlarged_and_reduced_to_the_nearest_values():
    maps = np.arange(8, dtype="float32").reshape(1, 2, 4, 1)
    found = ResizedMaps(3, 2)(maps)[0, :, :, 0]
    np.testing.assert_array_equal(found, [[0, 2], [0, 2], [4, 6]])
    layer = ResizedMaps.from_config(ResizedMaps(3, 2).get_config())
    assert layer(keras.KerasTensor((None, None, None, 5))).shape == (None, 3, 2, 5)


def test_towers_on_two_devices_take_images_of_any_size():
    model = for_any_size(AlexNet("paper", **THIN))
    placed = two_tower.place(model, ["CPU:0", "CPU:0"])
    for size in (131, 227):
        np.testing.assert_allclose(placed(images(size)), model(images(size)), rtol=1e-5)
