"""Predictors of Keras models, and the models that give no probabilities of images."""

import keras
import numpy as np
import pytest

from alexnet_keras.inference.keras_model import from_keras, layers_named
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


def test_a_model_without_class_names_has_indices(tiny):
    predictor = from_keras(AlexNet(tiny, classes=4, input_shape=(67, 67, 3)))
    assert predictor.class_names == ("0", "1", "2", "3")
    assert predictor.input_size == 67
    assert predictor.predict(np.zeros((3, 67, 67, 3), np.uint8)).shape == (3, 4)


def test_logits_become_probabilities(tiny, tmp_path):
    arguments = {"classes": 4, "input_shape": (67, 67, 3)}
    model = AlexNet(tiny, **arguments)
    model.save(tmp_path / "softmax.keras")
    logits = AlexNet(tiny, classifier_activation=None, weights=tmp_path / "softmax.keras", **arguments)
    images = np.random.RandomState(0).randint(0, 256, (3, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_allclose(from_keras(logits).predict(images), model(images), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"include_top": False},
            "The model 'alexnet_tiny' ends in the layer 'join5', which is no classifier; use trained weights of all",
        ),
        (
            {"input_shape": (300, 300, 3)},
            "takes images of 300 x 300 pixels, but images are cropped to squares of at most 256",
        ),
        ({"input_shape": (100, 67, 3)}, "takes images of 100 x 67 pixels, but images are cropped to squares"),
        ({"classifier_activation": "sigmoid"}, "ends in neither softmax nor logits, so it gives no probabilities"),
    ],
)
def test_a_model_that_gives_no_probabilities_of_images_is_refused(arguments, message, tiny):
    with pytest.raises(InputError, match=message):
        from_keras(AlexNet(tiny, **{"classes": 2, **arguments}))


def test_a_keras_model_of_another_form_is_refused(tiny):
    model = AlexNet(tiny, classes=2, input_shape=(67, 67, 3))
    two = keras.Input((67, 67, 3))
    both = keras.layers.Concatenate()([model.outputs[0], keras.layers.GlobalAveragePooling2D()(two)])
    joined = keras.Model([model.inputs[0], two], keras.layers.Dense(2, activation="softmax")(both))
    with pytest.raises(InputError, match=r"takes float32 \(any, 67, 67, 3\) and float32 \(any, 67, 67, 3\), but a"):
        from_keras(joined)
    model.layers[-1].class_names = ("a", "b", "c")
    with pytest.raises(InputError, match=r"The model 'alexnet_tiny' has 3 class names, but returns float32 \(any, 2\)"):
        from_keras(model)


def test_a_name_stands_for_both_towers_or_for_one(tiny):
    model = AlexNet(tiny, classes=4, input_shape=(67, 67, 3))
    for name, names in {"conv5": ["conv5a", "conv5b"], "conv5b": ["conv5b"], "fc8": ["fc8"]}.items():
        assert [layer.name for layer in layers_named(model, name)] == names
    with pytest.raises(OptionError, match="The network has no `layer` 'conv9'; choose from images, mean, conv1, "):
        layers_named(model, "conv9")
