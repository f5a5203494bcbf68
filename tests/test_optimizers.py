"""The update rule of 2012 against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.optimizers import KrizhevskySGD


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("decay", [0.01, 0.0])
@pytest.mark.parametrize("jit", [False, True], ids=["kernels", "xla"])
def test_twenty_steps_equal_numpy(momentum, decay, jit):
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    random = np.random.RandomState(0)
    kernel, bias = random.normal(size=(4, 3)), random.normal(size=3)
    layer.set_weights([kernel, bias])
    optimizer = KrizhevskySGD(0.1, momentum=momentum, weight_decay=decay, bias_learning_rate_multiplier=2.0)
    optimizer.build(layer.trainable_variables)
    step = tf.function(lambda gradients: optimizer.apply(gradients, layer.trainable_variables), jit_compile=jit)
    velocity_kernel, velocity_bias = np.zeros((4, 3)), np.zeros(3)
    for _ in range(20):
        gradients = random.normal(size=(4, 3)), random.normal(size=3)
        step([keras.ops.convert_to_tensor(g, "float32") for g in gradients])
        velocity_kernel = momentum * velocity_kernel - 0.1 * decay * kernel - 0.1 * gradients[0]
        velocity_bias = momentum * velocity_bias - 0.2 * gradients[1]
        kernel, bias = kernel + velocity_kernel, bias + velocity_bias
    np.testing.assert_allclose(layer.kernel, kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.bias, bias, rtol=1e-4, atol=1e-5)


def test_config_round_trip():
    optimizer = KrizhevskySGD(0.1, momentum=0.8, weight_decay=0.01, bias_learning_rate_multiplier=1.0)
    copy = KrizhevskySGD.from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()
    assert (copy.momentum, copy.coupled_weight_decay, copy.bias_learning_rate_multiplier) == (0.8, 0.01, 1.0)


def test_biases_may_have_a_schedule_of_their_own():
    multiplier = keras.optimizers.schedules.PiecewiseConstantDecay([1], [2.0, 10.0])
    optimizer = KrizhevskySGD(0.1, momentum=0.0, bias_learning_rate_multiplier=multiplier)
    copy = KrizhevskySGD.from_config(optimizer.get_config())
    for other in (optimizer, copy):
        layer = keras.layers.Dense(1)
        layer.build((None, 1))
        fallen = []
        for _ in range(3):
            before = float(layer.bias[0])
            other.apply([keras.ops.ones((1, 1)), keras.ops.ones((1,))], layer.trainable_variables)
            fallen.append(before - float(layer.bias[0]))
        np.testing.assert_allclose(fallen, [0.2, 0.2, 1.0], rtol=1e-6)


def test_a_compiled_model_comes_back_with_its_velocities(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(KrizhevskySGD(0.1), "mse")
    x, y = np.ones((8, 4)), np.ones((8, 3))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for other in (model, loaded):
        other.fit(x, y, verbose=0)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_works_under_loss_scaling():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.LossScaleOptimizer(KrizhevskySGD(0.1)), "mse")
    before = model.get_weights()[0]
    model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"weight_decay": -1.0}, "weight_decay must not be"),
    ],
)
def test_constants_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        KrizhevskySGD(**arguments)
