"""The baseline is the same network as ours."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.benchmark.baseline import baseline_model
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.alexnet import AlexNet


def narrow(variant):
    return dataclasses.replace(ARCHITECTURES[variant], filters=(8, 8, 8, 8, 8), hidden_units=(16, 16))


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_the_baseline_has_the_same_parameters(variant):
    spec = narrow(variant)
    ours = AlexNet(spec, classes=10, input_shape=(67, 67, 3))
    assert baseline_model(spec, 10, 67).count_params() == ours.count_params()


@pytest.mark.parametrize("variant", ["one_tower", "original"])
def test_the_baseline_computes_the_same_logits(variant):
    """One tower, so that the normalization has the same channels in its window."""
    spec = dataclasses.replace(narrow(variant), towers=1, initializer="he_normal")
    ours = AlexNet(spec, classes=10, input_shape=(67, 67, 3), classifier_activation=None, mean=[115] * 3)
    baseline = baseline_model(spec, 10, 67)
    baseline.set_weights(ours.get_weights())
    images = np.random.RandomState(0).randint(0, 256, (4, 67, 67, 3), np.uint8)
    # Two orders of summation through eight layers: about 1e-6 of the largest logit, which is about 1.
    np.testing.assert_allclose(baseline(tf.cast(images, "float32")), ours(images), rtol=1e-4, atol=1e-5)
