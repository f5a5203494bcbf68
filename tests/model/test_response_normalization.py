"""Response normalization and its gradient against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.model.response_normalization import (
    LocalResponseNormalization,
    SpatialResponseNormalization,
    window_weights,
)


def lrn_oracle(x, size, k, alpha, beta, divide):
    """Compute section 3.3 channel by channel in float64."""
    x = x.astype(np.float64)
    scale = alpha / size if divide else alpha
    channels = x.shape[-1]
    result = np.empty_like(x)
    for i in range(channels):
        first, last = max(0, i - size // 2), min(channels - 1, i + size // 2)
        result[..., i] = x[..., i] / (k + scale * (x[..., first : last + 1] ** 2).sum(axis=-1)) ** beta
    return result


CONSTANTS = [
    (5, 2.0, 1e-4, 0.75, False),
    (5, 1.0, 1e-4, 0.75, True),
    (3, 2.0, 1e-2, 0.5, False),
    (7, 1.5, 1e-3, 0.6, True),
    (1, 2.0, 1e-2, 0.75, False),
]


FORMS = pytest.mark.parametrize("training", [False, True], ids=["plain", "compiled"])


@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize("channels", [1, 3, 16])
@FORMS
def test_lrn_equals_the_oracle(constants, channels, training):
    x = np.random.RandomState(0).normal(0, 60, (2, 3, 4, channels)).astype("float32")
    size, k, alpha, beta, divide = constants
    layer = LocalResponseNormalization(size, k, alpha, beta, divide_alpha_by_size=divide)
    np.testing.assert_allclose(layer(x, training=training), lrn_oracle(x, *constants), rtol=2e-6)


def test_lrn_is_that_of_tensorflow_with_half_the_window():
    x = np.random.RandomState(0).normal(0, 60, (2, 3, 4, 16)).astype("float32")
    expected = tf.nn.local_response_normalization(x, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)
    np.testing.assert_allclose(LocalResponseNormalization(5, 2.0, 1e-4, 0.75)(x), expected, rtol=2e-6)


def test_the_example_of_the_docstring():
    result = LocalResponseNormalization()(np.ones((1, 55, 55, 96), "float32"))
    np.testing.assert_allclose(result[..., 2:-2], 0.5945, rtol=1e-4)


def test_window_weights_are_a_band_or_a_square():
    band = window_weights(Formula(size=3, k=1.0, scale=2.0, beta=1.0), channels=4)
    np.testing.assert_array_equal(band, [[2, 2, 0, 0], [2, 2, 2, 0], [0, 2, 2, 2], [0, 0, 2, 2]])
    square = window_weights(Formula(size=3, k=1.0, scale=2.0, beta=1.0, spatial=True), channels=4)
    np.testing.assert_array_equal(square, np.full((3, 3, 4, 1), 2))


def lrn_gradient_oracle(x, upstream, *constants):
    """Compute central differences of the oracle in float64; `upstream` weights its outputs."""
    result = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        shifted = [x.astype(np.float64), x.astype(np.float64)]
        shifted[0][index] -= 1e-4
        shifted[1][index] += 1e-4
        low, high = ((lrn_oracle(value, *constants) * upstream).sum() for value in shifted)
        result[index] = (high - low) / 2e-4
    return result


@pytest.mark.parametrize(
    ("constants", "policy", "tolerance"),
    [
        *((constants, "float32", 1e-5) for constants in CONSTANTS),
        *((constants, "mixed_bfloat16", 2**-8) for constants in CONSTANTS[:2]),
        *((constants, "mixed_float16", 2**-11) for constants in CONSTANTS[3:]),
    ],
)
@FORMS
def test_lrn_gradient_equals_the_oracle(constants, policy, tolerance, training):
    size, k, alpha, beta, divide = constants
    layer = LocalResponseNormalization(size, k, alpha, beta, divide_alpha_by_size=divide, dtype=policy)
    random = np.random.RandomState(1)
    # Rounded to the compute dtype beforehand, so that only the layer's own rounding is measured.
    x, upstream = (tf.cast(random.normal(0, scale, (1, 2, 2, 8)), layer.compute_dtype) for scale in (30, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = layer(x, training=training)
    gradient = tape.gradient(result, x, output_gradients=upstream)
    assert gradient.dtype == layer.compute_dtype
    x, upstream, gradient = (tf.cast(value, tf.float64).numpy() for value in (x, upstream, gradient))
    expected = lrn_gradient_oracle(x, upstream, *constants)
    np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def spatial_oracle(x, size, k, alpha, beta):
    """Normalize within each channel, position by position, in float64."""
    x = x.astype(np.float64)
    result = np.empty_like(x)
    for i, j in np.ndindex(x.shape[1:3]):
        rows, columns = (slice(max(0, index - size // 2), index + size // 2 + 1) for index in (i, j))
        energy = (x[:, rows, columns] ** 2).sum(axis=(1, 2))
        result[:, i, j] = x[:, i, j] / (k + alpha / size**2 * energy) ** beta
    return result


@pytest.mark.parametrize("constants", [(5, 1.0, 1e-3, 0.75), (3, 2.0, 0.1, 0.5)])
@FORMS
def test_spatial_normalization_and_its_gradient_equal_the_oracle(constants, training):
    layer = SpatialResponseNormalization(*constants)
    random = np.random.RandomState(2)
    x, upstream = tf.constant(random.normal(0, 30, (2, 6, 7, 3)), "float32"), random.normal(size=(2, 6, 7, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = layer(x, training=training)
    np.testing.assert_allclose(result, spatial_oracle(x.numpy(), *constants), rtol=2e-6)
    gradient = tape.gradient(result, x, output_gradients=tf.cast(upstream, "float32")).numpy()
    for index in [(0, 0, 0, 0), (1, 3, 3, 1), (1, 5, 6, 2), (0, 2, 5, 1)]:
        shifted = [x.numpy().astype(np.float64) for _ in range(2)]
        shifted[0][index] -= 1e-4
        shifted[1][index] += 1e-4
        low, high = ((spatial_oracle(value, *constants) * upstream).sum() for value in shifted)
        assert gradient[index] == pytest.approx((high - low) / 2e-4, rel=1e-4, abs=1e-6)


@FORMS
def test_lrn_sums_in_float32_under_mixed_precision(training):
    x = np.random.RandomState(2).normal(0, 300, (2, 4, 4, 16)).astype("float32")  # squares overflow float16 at 256
    for policy, tolerance in (("mixed_bfloat16", 2**-8), ("mixed_float16", 2**-10)):
        layer = LocalResponseNormalization(dtype=policy)
        result = layer(x, training=training)
        assert result.dtype == layer.compute_dtype
        rounded = tf.cast(tf.cast(x, layer.compute_dtype), tf.float32).numpy()  # as the layer is given it
        np.testing.assert_allclose(tf.cast(result, tf.float32), lrn_oracle(rounded, *CONSTANTS[0]), rtol=tolerance)


@FORMS
def test_lrn_takes_an_empty_batch(training):
    x = tf.zeros((0, 2, 2, 4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = LocalResponseNormalization()(x, training=training)
    assert result.shape == (0, 2, 2, 4)
    assert tape.gradient(result, x).shape == (0, 2, 2, 4)


def test_the_compiled_form_trains_and_the_plain_form_is_exported():
    layer = LocalResponseNormalization()
    layer.build((None, 4, 4, 8))

    def operators(training):
        graph = tf.function(lambda x: layer(x, training=training)).get_concrete_function(tf.TensorSpec((2, 4, 4, 8)))
        return [node.attr["_XlaMustCompile"].b for node in graph.graph.as_graph_def().node]

    assert any(operators(True))
    assert not any(operators(False))
    assert not any(operators(None))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4}, "`size` must be an odd number, so that the window has a centre, got 4; pass 5"),
        ({"size": -1}, "got -1"),
        ({"k": 0}, "`k` and `beta` must be positive and `alpha` must not be negative, got k=0"),
        ({"beta": -0.75}, "beta=-0.75"),
        ({"alpha": -1.0}, "alpha=-1.0"),
    ],
)
def test_lrn_refuses_constants_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        LocalResponseNormalization(**arguments)


def test_lrn_needs_the_number_of_channels():
    with pytest.raises(ValueError, match="needs a known number of channels"):
        LocalResponseNormalization(name="norm").build((None, 2, 2, None))
