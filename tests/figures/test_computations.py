"""What figures show is computed right, from values that can be known without the code."""

import dataclasses

import keras
import numpy as np
import pytest

from alexnet_keras.figures import evidence, kernels, networks, similarity, stages, units
from alexnet_keras.figures.receptive_field import receptive_field
from alexnet_keras.inference.features import until
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.layers import Predictions
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights.trained_weights import export


@pytest.fixture(scope="module")
def narrow():
    """The paper's network at its size with few channels."""
    return AlexNet("paper", classes=3, filters=(8,) * 5, hidden_units=(8, 8), initializer="he_normal")


@pytest.mark.parametrize(
    ("layer", "size", "stride", "padding"),
    [("conv1", 11, 4, 0), ("conv2", 51, 8, 16), ("conv3", 99, 16, 32), ("conv4", 131, 16, 48), ("conv5", 163, 16, 64)],
)
def test_receptive_fields_of_the_paper(narrow, layer, size, stride, padding):
    field = receptive_field(narrow, layer)
    assert field(0) == (-padding, size - 1 - padding)
    assert field(3) == (3 * stride - padding, 3 * stride - padding + size - 1)


def test_a_fully_connected_layer_sees_the_whole_image(narrow):
    assert receptive_field(narrow, "fc7")(0) == (0, 226)


@pytest.mark.parametrize("variant", ["paper", "original", "owt"])
def test_a_unit_sees_the_pixels_of_its_receptive_field_and_no_others(variant):
    """A row that gets brighter changes the unit if it is the first or the last that the unit sees.

    Positive weights pass an increase through every max pooling. In the 2012 code, a further normalization divides the
    outputs of conv2 by those around them: they must fall, so that the quotient at the edge rises.
    """
    model = AlexNet(variant, classes=2, filters=(2,) * 5, hidden_units=(2, 2), lrn_alpha=0.0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            falls = variant == "original" and layer.name.startswith("conv2")
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, -0.01 if falls else 0.01), np.full_like(bias, 100.0 * falls)])
    network = until(model, "conv3")
    first, last = receptive_field(model, "conv3")(5)
    side = model.input_shape[1]
    assert 0 < first < last < side - 1
    images = np.full((5, side, side, 3), 128, np.float32)
    for image, row in zip(images[1:], (first, last, first - 1, last + 1), strict=True):
        image[row] = 1e5
    outputs = network.predict(images, verbose=0)[:, 5, 5, 0]
    assert (outputs[1:] != outputs[0]).tolist() == [True, True, False, False]


def planted(side=40):
    image = np.zeros((side, side, 3), np.uint8)
    image[25:31, 8:14] = 255
    return image


def brightness(images):
    """Probabilities of "bright" and "dark" that count the white pixels of planted images."""
    bright = (images == 255).mean(axis=(1, 2, 3)) / (36 / 1600)
    return np.stack([bright, 1 - bright], axis=1)


def test_occlusion_finds_a_planted_bright_patch():
    calls = []

    def predict(images):
        calls.append(len(images))
        return brightness(images)

    fall = evidence.occlusion_map(predict, planted(), label=0, size=6, stride=1)
    row, column = np.unravel_index(fall.argmax(), fall.shape)
    assert 25 <= row < 31
    assert 8 <= column < 14
    assert fall[:15].max() == 0
    assert fall[28, 11] > 0.5
    assert max(calls) == evidence.BATCH_SIZE
    assert sum(calls) == 1 + 35**2


def test_the_square_reaches_both_borders():
    image = planted()
    fall = evidence.occlusion_map(brightness, image, label=0, size=12, stride=12)
    assert np.isfinite(fall).all()  # every pixel is covered at least once


@pytest.mark.parametrize(
    ("size", "stride", "message"),
    [
        (40, 5, "`size` must be 1 to 39 for an image of 40 pixels, got 40."),
        (0, 5, "`size` must be 1 to 39"),
        (8, 9, "`stride` must be 1 to 8, the size of the square, got 9."),
    ],
)
def test_squares_that_do_not_fit(size, stride, message):
    with pytest.raises(OptionError, match=message):
        evidence.occlusion_map(brightness, planted(), 0, size, stride)


def test_grad_cam_by_hand():
    """Two feature maps, red and green. fc8 weights them by 3 and -1 at each of the four positions after pooling."""
    images = keras.Input((4, 4, 3))
    kernel = np.array([[[[1.0, 0], [0, 1], [0, 0]]]])  # (1, 1, 3, 2)
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="conv5")(images)
    pooled = keras.layers.MaxPooling2D(2, name="pool5")(maps)
    logits = keras.layers.Dense(2, use_bias=False, name="fc8")(keras.layers.Flatten()(pooled))
    model = keras.Model(images, Predictions(name="predictions")(logits))
    model.get_layer("conv5").set_weights([kernel])
    weights = np.zeros((8, 2))
    weights[::2, 1], weights[1::2, 1] = 3, -1
    model.get_layer("fc8").set_weights([weights])
    image = np.zeros((4, 4, 3), np.float32)
    image[0, 0, 0], image[3, 3, 1] = 8, 8
    # Each pooled value passes its gradient to one of 16 positions: the means are 4 * 3 / 16 and 4 * -1 / 16.
    expected = np.zeros((4, 4))
    expected[0, 0] = 8 * 4 * 3 / 16  # the green pixel's share, 8 * -4 / 16, is negative and counts as 0
    np.testing.assert_allclose(evidence.grad_cam(model, image, 1), expected, rtol=1e-6)


def test_grad_cam_of_a_network_without_a_classifier(tiny):
    model = AlexNet(tiny, include_top=False, input_shape=(67, 67, 3))
    with pytest.raises(InputError, match="the network has no fc8; use a network with all its layers"):
        evidence.grad_cam(model, np.zeros((67, 67, 3)), 0)


def test_squared_distances():
    these, those = np.array([[0.0, 0], [1, 1]]), np.array([[3.0, 4], [1, 0], [0, 0]])
    np.testing.assert_array_equal(similarity.squared_distances(these, those), [[25, 1, 0], [13, 1, 2]])


def test_the_strongest_position_of_a_feature_map():
    output = np.zeros((4, 5))
    output[2, 3] = 7
    assert units.strongest(output, 9) == (7.0, 9, 2, 3)
    assert units.strongest(np.float32(3), 1) == (3.0, 1, 0, 0)


def test_a_patch_is_grey_outside_the_image():
    image = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3)
    patch = units.cut(image, rows=(-2, 1), columns=(3, 6))
    np.testing.assert_array_equal(patch[2:, :2], image[:2, 3:])
    assert (patch[:2] == 127).all()
    assert (patch[:, 2:] == 127).all()
    np.testing.assert_array_equal(units.cut(image, (1, 3), (0, 2)), image[1:4, 0:3])


def test_smoothness_of_noise_and_of_blobs():
    random = np.random.default_rng(0)
    assert abs(kernels.smoothness(random.normal(size=(11, 11, 3, 96)))) < 0.12
    ramp = np.linspace(-1, 1, 11)[:, None, None, None] * np.ones((11, 11, 3, 4))
    assert kernels.smoothness(ramp) > 0.6
    assert kernels.smoothness(np.zeros((11, 11, 3, 4))) == 0


def sources(variant, **changes):
    model = AlexNet(variant, classes=3, filters=(8,) * 5, hidden_units=(8, 8), input_shape=(67, 67, 3), **changes)
    return {
        stage.name + "ab"[stage.tower or 0]: [name + "ab"[tower or 0] for name, tower in stage.sources]
        for stage in stages.stages(model)
    }


@pytest.mark.parametrize("variant", ["paper", "caffe"])
def test_the_towers_meet_where_the_paper_says(variant):
    found = sources(variant)
    assert found["conv1a"] == found["conv1b"] == ["imagea"]
    assert found["conv2b"] == ["conv1b"]
    assert found["conv3a"] == found["conv3b"] == ["conv2a", "conv2b"]
    assert found["conv4b"] == ["conv3b"]
    assert found["conv5a"] == ["conv4a"]
    assert found["fc6a"] == ["conv5a", "conv5b"]
    assert found["fc7b"] == ["fc6a", "fc6b"]
    assert found["fc8a"] == ["fc7a", "fc7b"]


def test_towers_that_never_meet():
    found = sources("paper", towers_meet=False)
    assert found["conv3b"] == ["conv2b"]
    assert found["fc7a"] == ["fc6a"]
    assert found["fc8a"] == ["fc7a", "fc7b"]


def test_layers_between_the_stages(narrow):
    found = {stage.name: stage for stage in stages.stages(narrow)}
    assert found["conv1"].kernel == (11, 4)
    assert found["conv1"].shape == (55, 55, 4)
    assert found["conv1"].after == ("response norm.", "max pool 3 x 3")
    assert found["conv3"].after == ()
    assert found["conv5"].after == ("max pool 3 x 3",)
    assert found["fc6"].after == ("dropout 0.5",)


def test_a_file_of_weights_becomes_a_network(narrow, tmp_path):
    from alexnet_keras.model.loading import weights_of

    weights = weights_of(narrow)
    export(tmp_path / "whole.npz", weights)
    whole = networks.load_network(tmp_path / "whole.npz")
    for one, other in zip(narrow.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    convolutions = {name: values for name, values in weights.layers.items() if name.startswith("conv")}
    export(tmp_path / "convolutions.npz", dataclasses.replace(weights, layers=convolutions))
    assert networks.load_network(tmp_path / "convolutions.npz").output_shape == (None, 6, 6, 8)
    del convolutions["conv3"]
    export(tmp_path / "incomplete.npz", dataclasses.replace(weights, layers=convolutions))
    with pytest.raises(InputError, match="lacks conv3; only complete convolutions can be drawn"):
        networks.load_network(tmp_path / "incomplete.npz")
