"""The response normalization of integer operators computes what the layer computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.export import integer_lrn
from alexnet_keras.model.response_normalization import (
    LocalResponseNormalization,
    SpatialResponseNormalization,
)


@pytest.mark.parametrize(
    "layer",
    [
        LocalResponseNormalization(k=1.5, alpha=3e-4, beta=0.7),
        LocalResponseNormalization(k=1.5, alpha=3e-4, beta=0.7, divide_alpha_by_size=True),
        SpatialResponseNormalization(size=3, alpha=0.01),
    ],
    ids=["undivided", "divided", "spatial"],
)
def test_the_integer_form_is_the_same_function(layer):
    values = np.random.RandomState(0).gamma(0.5, 40, (2, 5, 5, 12)).astype(np.float32)
    np.testing.assert_allclose(integer_lrn.IntegerNormalization(layer.formula)(values), layer(values), rtol=1e-5)
    inputs = keras.Input((5, 5, 12))
    model = integer_lrn.with_integer_operators(keras.Model(inputs, layer(inputs)))
    assert model.layers[1].formula == layer.formula


@pytest.mark.parametrize(("largest", "mean", "most"), [(10, 0.001, 0.006), (100, 0.0015, 0.015), (500, 0.004, 0.05)])
def test_the_integer_form_errs_by_little_in_integers(largest, mean, most):
    """The error relative to the largest output; rounding input and output to 8 bits alone costs 0.4%."""
    layer = LocalResponseNormalization()
    random = np.random.RandomState(0)
    values = np.maximum(0, random.normal(0, largest / 4, (50, 5, 5, 48))).clip(0, largest).astype(np.float32)
    module = tf.Module()
    module.serve = tf.function(
        integer_lrn.IntegerNormalization(Formula(5, 2.0, 1e-4, 0.75)), input_signature=[tf.TensorSpec((1, 5, 5, 48))]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([value[None]] for value in values)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    results = []
    for value in values:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value[None])
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    expected = layer(values).numpy()
    error = np.abs(np.stack(results) - expected) / expected.max()
    assert error.mean() < mean
    assert error.max() < most
