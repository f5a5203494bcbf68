"""Figures of one image show its feature maps and where the evidence for its class lies."""

import dataclasses

import numpy as np
import pytest
from support import CLASS_NAMES
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import one_image
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


def test_activations(network, crops):
    figure = figures.activations(network, crops[0])
    assert_well_set(figure)
    maps = one_image.feature_maps(network, crops[0])
    assert list(maps) == ["conv1", "norm1", "conv2", "norm2", "conv3", "conv4", "conv5"]
    assert maps["norm1"].shape == (15, 15, 8)
    assert f"conv1\n15 x 15 x 8\n{(maps['conv1'] == 0).mean():.0%} zeros" in words(figure)
    shown = images(figure)
    np.testing.assert_array_equal(shown[0], crops[0])
    assert len(shown) == 1 + len(maps)
    assert np.nanmax(shown[1]) == 1
    ratio = np.quantile(maps["norm1"], 1) / np.quantile(maps["conv1"], 0.998)
    assert np.nanmax(shown[2]) == pytest.approx(ratio, rel=1e-5)  # the scale is that of conv1
    assert "and a normalization has that of its convolution" in " ".join(words(figure)[-1].split())


def test_the_titles_of_many_layers_do_not_touch():
    model = AlexNet("original", width=0.25, initializer="he_normal", classes=3, input_shape=(131, 131, 3))
    assert_well_set(figures.activations(model, np.zeros((131, 131, 3), np.uint8)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("conv1 norm1 conv2 norm2 conv3 conv4 conv5", "conv1 norm1 conv2 norm2"),
        ("conv1 norm1 relu1 conv2 norm2 spatialnorm2 conv3 conv4 conv5", "conv1 norm1 relu1"),
        ("conv1 relu1 conv2 relu2 conv3 relu3 conv4 relu4 conv5 relu5", "conv1 relu1 conv2 relu2"),
        ("conv1 conv2 conv3", "conv1"),
    ],
)
def test_layers_of_a_number_stand_side_by_side(names, expected):
    assert one_image._first_row(names.split()) == len(expected.split())


def test_occlusion(predictor, crops):
    figure = figures.occlusion(predictor, crops[0], "blue", size=30, stride=20)
    probability = predictor.predict(crops[:1])[0, 0]
    assert f'Evidence for "blue" (probability {probability:.1%}): occlusion' in words(figure)
    assert_well_set(figure)


def test_gradcam(network, crops):
    figure = figures.gradcam(network, crops[0])
    (probabilities,) = from_keras(network).predict(crops[:1])
    name = CLASS_NAMES[probabilities.argmax()]
    assert f'Evidence for "{name}" (probability {probabilities.max():.1%}): Grad-CAM' in words(figure)
    assert_well_set(figure)


def test_the_square_is_a_fraction_of_a_small_image(small):
    pixels = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    assert "A grey square of 6 x 6 pixels" in words(figures.occlusion(small, pixels))[-1]
    figure = figures.gradcam(small, pixels)
    assert "The 8 x 8 feature maps before the last pooling" in words(figure)[-1]


def test_a_lit_image_shows_its_dark_parts(network, crops):
    lit = images(figures.gradcam(network, crops[0]))[2].astype(int)
    assert (lit >= 0.45 * crops[0].astype(int) - 1).all()


@pytest.mark.parametrize("draw", [figures.activations, figures.occlusion, figures.gradcam])
@pytest.mark.parametrize(
    ("image", "given"),
    [
        ("photo.jpg", "str"),
        (np.zeros((32, 32, 3), np.uint8), "uint8 (32, 32, 3)"),
        (np.zeros((67, 67, 3), np.float32), "float32 (67, 67, 3)"),
    ],
    ids=["path", "size", "dtype"],
)
def test_images_that_no_network_takes(draw, image, given, network):
    with pytest.raises(OptionError) as caught:
        draw(network, image)
    expected = "`image` must be a NumPy array, uint8 (67, 67, 3), got "
    assert str(caught.value) == f"{expected}{given}; crop and convert the image first."


def test_classes_of_the_same_name(predictor, crops):
    cranes = dataclasses.replace(predictor, class_names=("crane", "tench", "crane"))
    with pytest.raises(OptionError) as caught:
        figures.occlusion(cranes, crops[0], "crane")
    expected = "The model has 2 classes 'crane' for `label`, the indices 0 and 2; use a model whose class names differ."
    assert str(caught.value) == expected


def test_classes_of_the_same_first_word_have_distinct_labels(predictor, crops):
    maillots = dataclasses.replace(predictor, class_names=("n03710637", "n03710721", "n01440764"))
    figure = figures.occlusion(maillots, crops[0], "n03710721", 60, 60)
    assert figure.get_suptitle().startswith('Evidence for "maillot, tank suit" (')


def test_evidence_for_a_class_that_does_not_exist(predictor, crops):
    with pytest.raises(OptionError, match="no class 'cat' for `label`; choose from blue, green, red."):
        figures.occlusion(predictor, crops[0], "cat")


def test_evidence_for_a_single_class(predictor, crops):
    single = dataclasses.replace(predictor, class_names=("all",))
    with pytest.raises(InputError, match="The model has a single class, so nothing can be evidence for it"):
        figures.occlusion(single, crops[0])
