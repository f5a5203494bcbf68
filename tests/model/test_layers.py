"""Small layers, and one test that treats every layer of the package alike."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.model.layers import MeanSubtraction, Predictions, TowerChannels, batch_normalization
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization
from alexnet_keras.model.space_to_depth import SpaceToDepthConv2D


def test_mean_subtraction_keeps_fractions_in_half_precision():
    layer = MeanSubtraction((123.5, 117.25, 104.0), stddev=2.0, dtype="mixed_bfloat16")
    result = layer(np.full((1, 2, 2, 3), 124, np.uint8))
    assert result.dtype == "bfloat16"
    np.testing.assert_array_equal(tf.cast(result, tf.float32)[0, 0, 0], [0.25, 3.375, 10.0])


@pytest.mark.parametrize("mean", [(1.0, 2.0), (0.0, 0.0, 256.0), (-1.0, 0.0, 0.0)])
def test_mean_subtraction_refuses_other_means(mean):
    with pytest.raises(ValueError, match="`mean` must be red, green and blue from 0 to 255, got"):
        MeanSubtraction(mean)


def test_mean_subtraction_refuses_a_stddev_of_zero():
    with pytest.raises(ValueError, match="`stddev` must be positive, because pixels are divided by it, got 0; pass 1"):
        MeanSubtraction((0, 0, 0), stddev=0)


def test_predictions_are_float32_and_keep_their_names():
    layer = Predictions(class_names=("a", "b"), dtype="mixed_bfloat16")
    result = layer(np.array([[0.0, 1.0]], "float32"))
    assert result.dtype == "float32"
    np.testing.assert_allclose(result, [[0.26894143, 0.7310586]], rtol=1e-6)
    assert Predictions.from_config(layer.get_config()).class_names == ("a", "b")


def test_tower_channels_are_the_halves_of_both():
    x = np.arange(8.0).reshape(1, 8)
    np.testing.assert_array_equal(TowerChannels(0)(x), [[0, 1, 2, 3]])
    np.testing.assert_array_equal(TowerChannels(1)(x), [[4, 5, 6, 7]])


LAYERS = {
    "lrn": (LocalResponseNormalization(3, 1.0, 0.1, 0.75, divide_alpha_by_size=True), (5, 5, 4)),
    "spatial lrn": (SpatialResponseNormalization(3, 1.0, 0.1), (5, 5, 4)),
    "tower channels": (TowerChannels(1), (2, 2, 4)),
    "space to depth": (SpaceToDepthConv2D(4, 5, strides=3), (14, 14, 3)),
    "mean": (MeanSubtraction((1.0, 2.0, 3.0), stddev=64.0), (4, 4, 3)),
    "predictions": (Predictions(class_names=("x", "y", "z")), (3,)),
    "batch normalization": (batch_normalization(), (2, 2, 4)),
}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_behaves_like_a_layer_of_keras(name, policy, tmp_path):
    """Restore the layer from its configuration, call it on symbols and arrays, fit, save and load."""
    example, shape = LAYERS[name]
    layer = type(example).from_config({**example.get_config(), "dtype": policy})
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()

    inputs = keras.Input(shape)
    outputs = layer(inputs)
    flat = keras.layers.Flatten(dtype="float32")(outputs)
    model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(flat))
    x = np.random.RandomState(5).uniform(0, 5, (4, *shape)).astype("float32")
    result = layer(x)
    assert result.shape == (4, *outputs.shape[1:])
    assert result.dtype == outputs.dtype
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
