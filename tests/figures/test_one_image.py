"""Figures of one image show its feature maps and where the evidence for its class lies."""

import dataclasses

import numpy as np
import pytest
from support import CLASS_NAMES
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import one_image
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.system.errors import InputError, OptionError


def test_activations(network, crops):
    figure = figures.activations(network, crops[0])
    assert_well_set(figure)
    maps = one_image.feature_maps(network, crops[0])
    assert list(maps) == ["conv1", "norm1", "conv2", "norm2", "conv3", "conv4", "conv5"]
    assert maps["norm1"].shape == (15, 15, 8)
    assert f"conv1\n15 x 15 x 8: {(maps['conv1'] == 0).mean():.0%} zeros" in words(figure)
    shown = images(figure)
    np.testing.assert_array_equal(shown[0], crops[0])
    assert len(shown) == 1 + len(maps)


def test_occlusion(predictor, crops):
    figure = figures.occlusion(predictor, crops[0], "blue", size=30, stride=20)
    probability = predictor.predict(crops[:1])[0, 0]
    assert f"Where the network sees blue ({probability:.1%}): occlusion" in words(figure)
    assert_well_set(figure)


def test_gradcam(network, crops):
    figure = figures.gradcam(network, crops[0])
    (probabilities,) = from_keras(network).predict(crops[:1])
    name = CLASS_NAMES[probabilities.argmax()]
    assert f"Where the network sees {name} ({probabilities.max():.1%}): Grad-CAM" in words(figure)
    assert_well_set(figure)


def test_evidence_for_a_class_that_does_not_exist(predictor, crops):
    with pytest.raises(OptionError, match="no class 'cat' for `label`; choose from blue, green, red."):
        figures.occlusion(predictor, crops[0], "cat")


def test_evidence_for_a_single_class(predictor, crops):
    single = dataclasses.replace(predictor, class_names=("all",))
    with pytest.raises(InputError, match="The model has a single class, so nothing can be evidence for it"):
        figures.occlusion(single, crops[0])
