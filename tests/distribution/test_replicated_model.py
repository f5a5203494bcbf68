"""The steps of a replicated model are those of Keras, and a part of a batch without images counts nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.processes import Program

from alexnet_keras.distribution.replicated_model import ReplicatedModel

IMAGES = np.random.RandomState(0).randint(0, 256, (9, 4, 4, 3), dtype=np.uint8)
LABELS = np.arange(9) % 3


def network(kind):
    """A small network, compiled; its weights are those of every other one."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((4, 4, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(x))
    model = kind(inputs, keras.layers.Dense(3)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=metrics, jit_compile=False)
    return model


def test_one_device_takes_the_steps_of_keras():
    """The last of three batches has a single image."""
    ours, plain = network(ReplicatedModel), network(keras.Model)
    logs = [
        model.fit(IMAGES, LABELS, batch_size=4, epochs=2, shuffle=False, verbose=0).history for model in (ours, plain)
    ]
    assert logs[0] == {name: pytest.approx(values, rel=1e-5) for name, values in logs[1].items()}
    for weight, expected in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-7)
    measured = (model.evaluate(IMAGES, LABELS, batch_size=4, verbose=0) for model in (ours, plain))
    np.testing.assert_allclose(*measured, rtol=1e-5)


def test_a_part_without_images_changes_no_result():
    model = network(ReplicatedModel)
    loss, accuracy = model.evaluate(IMAGES[:5], LABELS[:5], verbose=0)
    any_number = [tf.TensorSpec((None, 4, 4, 3), tf.uint8), tf.TensorSpec((None,), tf.int64)]  # as in `fit`
    step = tf.function(lambda images, labels: model.test_step((images, labels)), input_signature=any_number)
    logs = step(IMAGES[:0], LABELS[:0])
    assert {name: float(value) for name, value in logs.items()} == pytest.approx({"loss": loss, "accuracy": accuracy})


TWO_DEVICES = """
import keras, numpy as np, runpy, sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.distribution.replicated_model import ReplicatedModel
here = runpy.run_path(sys.argv[1])
replicas = Replicas(["CPU:0", "CPU:1"])
with replicas.strategy.scope():
    ours = replicas.prepare(here["network"](keras.Model))
    assert type(ours) is ReplicatedModel
    plain = here["network"](keras.Model)
    ours.compile(keras.optimizers.SGD(0.1, momentum=0.9), plain.loss, metrics=["accuracy"], jit_compile=False)
plain = here["network"](keras.Model)
batches = tf.data.Dataset.from_tensor_slices((here["IMAGES"], here["LABELS"])).batch(4)
logs = ours.fit(replicas.distribute(batches), steps_per_epoch=3, verbose=0).history
expected = plain.fit(batches, verbose=0).history
for name in ("loss", "accuracy"):
    np.testing.assert_allclose(logs[name], expected[name], rtol=1e-5)
for weight, value in zip(ours.get_weights(), plain.get_weights(), strict=True):
    np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-7)
print("equal")
"""


def test_two_devices_follow_the_gradient_of_the_whole_batch():
    """Batches of four are divided evenly, and that of one image leaves a device without any."""
    assert Program("-c", TWO_DEVICES, __file__).succeed().out == "equal\n"
