"""Images whose pixels are from 0 to 1 are noticed."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.weight_files import narrow

import alexnet_keras
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model

PIXELS = np.random.RandomState(0).randint(0, 256, (4, 67, 67, 3), dtype=np.uint8)
FRACTIONS = (PIXELS / 255).astype("float32")
LABELS = np.array([0, 1, 2, 0])
MESSAGE = "The images have pixels from 0 to 1, but an AlexNet of this package takes 0 to 255 .* do not divide"


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return FRACTIONS, LABELS


@pytest.fixture(scope="module")
def model():
    model = AlexNet(narrow(), classes=3, input_shape=(67, 67, 3))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return model


def dataset(images):
    return tf.data.Dataset.from_tensor_slices((images, LABELS)).batch(2)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.fit(FRACTIONS, LABELS, verbose=0),
        lambda model: model.fit(dataset(FRACTIONS), verbose=0),
        lambda model: model.fit(x=Batches(), verbose=0),
        lambda model: model.evaluate(tf.constant(FRACTIONS), LABELS, verbose=0),
        lambda model: model.predict(FRACTIONS, verbose=0),
        lambda model: alexnet_keras.predict(model, FRACTIONS[0]),
    ],
)
def test_fractions_are_noticed(call, model):
    with pytest.warns(UserWarning, match=MESSAGE):
        call(model)


def test_a_loaded_model_notices_them_too(model, tmp_path):
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match=MESSAGE):
        load_model(tmp_path / "model.keras").predict(FRACTIONS, verbose=0)


def test_pixels_and_black_images_are_not(model):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for images in (PIXELS, PIXELS.astype("float32"), np.zeros_like(FRACTIONS)):
            model.fit(images, LABELS, verbose=0)
            model.predict(dataset(images), verbose=0)
    assert not [each for each in found if "pixels" in str(each.message)]


def test_a_watched_data_set_has_the_same_batches(model):
    batches = []
    model.predict_step = lambda data: batches.append(data) or model(data[0])
    try:
        model.predict(dataset(PIXELS.astype("float32")), verbose=0)
    finally:
        del model.predict_step
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in batches][-2:]), PIXELS)
