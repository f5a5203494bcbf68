"""The two towers of the paper on two devices, which communicate where its two GPUs did (section 3.5). Experimental."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.system.errors import OptionError


def check(devices: Sequence[str], towers: int, policy: str) -> None:
    """Refuse a network that cannot be divided between the devices."""
    if len(devices) != 2:
        raise OptionError(
            f"`layout` two-tower needs two devices and has {len(devices)} ({', '.join(devices)}); "
            "choose `devices=gpu:2`, or cpu:2 to try it."
        )
    if towers != 2:
        raise OptionError("`layout` two-tower needs a network of two towers; choose another `variant`.")
    if policy == "mixed_float16":  # scaling the loss looks at all gradients at once
        raise OptionError(
            "`layout` two-tower does not compute in mixed_float16; choose `precision=float32` or mixed_bfloat16."
        )


class TwoTowerModel(keras.Model):
    """A functional model whose layers have their own devices, and whose gradients are computed on the same devices.

    A gradient tape leaves the devices of its operations to TensorFlow, which would put them all on the first one.
    `tf.gradients` computes each gradient on the device of the operation that it belongs to.
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        images, labels = data
        outputs = self(images, training=True)
        loss = self.compute_loss(images, labels, outputs, training=True)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(images)[0])
        weights = [weight.value for weight in self.trainable_weights]
        gradients = tf.gradients(self.optimizer.scale_loss(loss), weights)
        # Within the replica context, Keras would pass all gradients through one operation on one device.
        tf.distribute.get_replica_context().merge_call(self._update, args=(gradients,))
        return self.compute_metrics(images, labels, outputs)

    def compile(self, optimizer: keras.optimizers.Optimizer, **options: Any) -> None:
        """Compile as `keras.Model` does; the optimizer then updates each variable on the device of the variable."""
        step = optimizer.update_step

        def update_step(gradient: Any, variable: Any, *arguments: Any) -> None:
            with tf.device(variable.device):
                step(gradient, variable, *arguments)

        optimizer.update_step = update_step
        super().compile(optimizer, **options)

    def _update(self, strategy: tf.distribute.Strategy, gradients: Sequence[Any]) -> None:
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))


def place(model: keras.Model, devices: Sequence[str]) -> TwoTowerModel:
    """Return a copy of a network, with the same weights, whose towers are on two devices.

    Layers without weights that both towers need (mean subtraction, concatenation) are computed on both devices, so a
    device sends only the feature maps of its own tower. fc8 and the loss are computed on the first device.
    """
    copies: dict[str, list[Any]] = {}  # name of a layer -> its output on each device
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            inputs = keras.Input(layer.batch_shape[1:], dtype=layer.dtype, name=layer.name)
            copies[layer.name] = [inputs, inputs]
            continue
        tower = tower_of(layer)
        sources = [tensor._keras_history.operation.name for tensor in tf.nest.flatten(layer.input)]
        outputs = []
        for number in (0, 1) if tower is None else (tower,):
            name = layer.name if number == 0 or tower is not None else f"{layer.name}_on_the_second"
            copy = _on_device(layer, name, devices[number])
            arguments = [copies[source][number] for source in sources]
            outputs.append(copy(arguments if len(arguments) > 1 else arguments[0]))
        copies[layer.name] = outputs * (2 // len(outputs))
    placed = TwoTowerModel(inputs, copies[model.layers[-1].name][0], name=model.name)
    for layer in placed.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return placed


def tower_of(layer: keras.layers.Layer) -> int | None:
    """0 or 1, or `None` for a layer of both towers. The classifier and what follows it belong to the first tower."""
    return 0 if layer.name in ("fc8", "predictions") else split_tower(layer.name)[1]


def _on_device(layer: keras.layers.Layer, name: str, device: str) -> keras.layers.Layer:
    with tf.device(device):  # where the seed of dropout is created
        copy = type(layer).from_config({**layer.get_config(), "name": name})

    def within(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)  # Keras reads the names of the arguments
        def call(*arguments: Any, **options: Any) -> Any:
            with tf.device(device):
                return method(*arguments, **options)

        return call

    copy.build, copy.call = within(copy.build), within(copy.call)
    return copy


def bytes_per_device(variables: Sequence[keras.Variable]) -> Mapping[str, int]:
    """The bytes of the variables on each device, such as `{"CPU:0": 130_000_000, "CPU:1": 114_000_000}`."""
    found: dict[str, int] = {}
    for variable in variables:
        for part in tf.distribute.get_strategy().experimental_local_results(variable.value):
            name = ":".join(part.device.split(":")[-2:])
            found[name] = found.get(name, 0) + part.shape.num_elements() * part.dtype.size
    return dict(sorted(found.items()))
