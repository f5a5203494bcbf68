"""The update rule of 2012 against NumPy."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import ROOT
from support.processes import Program

from alexnet_keras.training.optimizer import KrizhevskySGD


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


class Numpy:
    """The rule of `layer-params-145.cfg` in float64: two layers, each of a kernel and a bias."""

    def __init__(self, weights):
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}
        self.velocities = {name: np.zeros(value.shape) for name, value in weights.items()}

    def step(self, number, gradients):
        for name, gradient in gradients.items():
            layer, kind = name.split("/")
            rate = {"kernel": 0.1 if number < 10 else 0.01, "bias": 0.2}[kind]  # biases keep theirs
            if layer == "conv1a" and number >= 8:
                rate = {"kernel": 0.003, "bias": 0.2}[kind]
            if layer == "conv1a" and number >= 14:
                continue  # frozen: the 2012 code does not touch what has a rate of 0
            decay = {"kernel": 0.01, "bias": 0.0}[kind]
            weight, velocity = self.weights[name], self.velocities[name]
            velocity[...] = 0.9 * velocity - rate * decay * weight - rate * gradient
            weight += velocity


EVENTS = {
    "learning_rate": keras.optimizers.schedules.PiecewiseConstantDecay([9], [0.1, 0.01]),
    "weight_decay": 0.01,
    "bias_learning_rate": 0.2,
    "layer_rates": [("conv1", 8, 0.003), ("conv1", 14, 0.0)],
}


def two_layers():
    layers = [keras.layers.Dense(3, name="conv1a"), keras.layers.Dense(2, name="fc8")]
    random = np.random.RandomState(0)
    for layer, inputs in zip(layers, (4, 3), strict=True):
        layer.build((None, inputs))
        layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    return {"/".join(weight.path.split("/")[-2:]): weight for layer in layers for weight in layer.weights}


@pytest.mark.parametrize("form", ["float32", "config", "float16"])
def test_events_over_twenty_steps_equal_numpy(form):
    """Also from its configuration, and behind a loss scale."""
    variables = two_layers()
    oracle = Numpy({name: variable.numpy() for name, variable in variables.items()})
    optimizer, scale = KrizhevskySGD(**EVENTS), 1.0
    if form == "config":
        optimizer = KrizhevskySGD.from_config(json.loads(json.dumps(optimizer.get_config())))
    if form == "float16":
        scale = 1024.0
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
    optimizer.build(list(variables.values()))
    step = tf.function(lambda gradients: optimizer.apply(gradients, list(variables.values())))
    random = np.random.RandomState(1)
    for number in range(20):
        gradients = {name: random.normal(size=variable.shape) for name, variable in variables.items()}
        before = variables["conv1a/kernel"].numpy()
        step([tf.constant(scale * gradient, "float32") for gradient in gradients.values()])
        oracle.step(number, gradients)
        for name, variable in variables.items():
            np.testing.assert_allclose(variable, oracle.weights[name], rtol=1e-5, atol=1e-5, err_msg=f"{name} {number}")
        assert np.array_equal(before, variables["conv1a/kernel"].numpy()) == (number >= 14)


def test_a_step_that_overflows_in_float16_changes_nothing():
    variables = two_layers()
    optimizer = keras.optimizers.LossScaleOptimizer(KrizhevskySGD(**EVENTS))
    optimizer.build(list(variables.values()))
    before = {name: variable.numpy() for name, variable in variables.items()}
    optimizer.apply([tf.fill(variable.shape, np.inf) for variable in variables.values()], list(variables.values()))
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable, before[name])


BACKEND = """
import json, sys
import keras, numpy as np
from keras import ops
from alexnet_keras.training.optimizer import KrizhevskySGD
gradients = np.random.RandomState(1).normal(size=(20, 4, 3))
layer = keras.layers.Dense(3, use_bias=False, name="conv1a")
layer.build((None, 4))
layer.set_weights([np.random.RandomState(0).normal(size=(4, 3))])
optimizer = KrizhevskySGD(0.1, weight_decay=0.01, layer_rates=[("conv1", 8, 0.003), ("conv1", 14, 0.0)])
optimizer.build(layer.trainable_variables)
for gradient in gradients:
    optimizer.apply([ops.convert_to_tensor(gradient, "float32")], layer.trainable_variables)
print(json.dumps(ops.convert_to_numpy(layer.kernel).tolist()))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_takes_the_same_steps(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, "-c", BACKEND]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    kernel, velocity = np.random.RandomState(0).normal(size=(4, 3)), np.zeros((4, 3))
    for number, gradient in enumerate(np.random.RandomState(1).normal(size=(20, 4, 3))):
        rate = 0.1 if number < 8 else 0.003
        if number < 14:
            velocity = 0.9 * velocity - rate * (gradient + 0.01 * kernel)
            kernel = kernel + velocity
    np.testing.assert_allclose(json.loads(result.stdout), kernel, rtol=1e-4, atol=1e-5)


MIRRORED = """
import json, sys
import keras, numpy as np, tensorflow as tf
from alexnet_keras.training.optimizer import KrizhevskySGD
(device,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
random = np.random.RandomState(0)
inputs, targets, *weights = [random.normal(size=shape) for shape in ((8, 4), (8, 3), (4, 3), (3,))]
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.set_weights(weights)
    model.compile(KrizhevskySGD(0.1, weight_decay=0.01, bias_learning_rate_multiplier=2.0), "mse")
model.fit(inputs, targets, batch_size=8, epochs=20, shuffle=False, verbose=0)
print(json.dumps([weight.tolist() for weight in model.get_weights()]))
"""


def test_two_devices_of_a_mirrored_strategy_take_the_same_steps():
    program = Program("-c", MIRRORED).succeed()
    random = np.random.RandomState(0)
    inputs, targets, kernel, bias = (random.normal(size=shape) for shape in ((8, 4), (8, 3), (4, 3), (3,)))
    velocity, bias_velocity = np.zeros((4, 3)), np.zeros(3)
    for _ in range(20):
        error = 2 / targets.size * (inputs @ kernel + bias - targets)  # of the mean of squares over the global batch
        velocity = 0.9 * velocity - 0.1 * (inputs.T @ error + 0.01 * kernel)
        bias_velocity = 0.9 * bias_velocity - 0.2 * error.sum(axis=0)  # twice the rate, no decay
        kernel, bias = kernel + velocity, bias + bias_velocity
    for found, expected in zip(json.loads(program.out), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_config_round_trip():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [2.0, 10.0])
    optimizer = KrizhevskySGD(
        0.1, momentum=0.8, weight_decay=0.01, bias_learning_rate=schedule, layer_rates=[("a", 1, 0)]
    )
    copy = KrizhevskySGD.from_config(json.loads(json.dumps(optimizer.get_config())))
    assert copy.get_config() == optimizer.get_config()
    assert (copy.momentum, copy.coupled_weight_decay, copy.layer_rates) == (0.8, 0.01, (("a", 1, 0),))


def test_biases_may_have_a_schedule_of_their_own():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.2, 1.0])
    optimizer = KrizhevskySGD(0.1, momentum=0.0, bias_learning_rate=schedule)
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


def test_a_layer_that_is_not_there_is_named():
    optimizer = KrizhevskySGD(layer_rates=[("conv6", 1, 0.0)])
    with pytest.raises(ValueError, match="`layer_rates` names 'conv6', which is no layer that is trained"):
        optimizer.build(list(two_layers().values()))


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
        ({"momentum": 1.0}, r"`momentum` must be in \[0, 1\), got 1.0"),
        ({"weight_decay": -1.0}, "`weight_decay` must be at least 0, got -1.0"),
        (
            {"layer_rates": [("conv1", 8, -0.1)]},
            r"`layer_rates` has \('conv1', 8, -0.1\); steps and learning rates must be at least 0",
        ),
    ],
)
def test_constants_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        KrizhevskySGD(**arguments)
