"""Train one network on several devices or workers, each of which computes a fraction of every batch."""

import json
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.distribution import two_tower
from alexnet_keras.distribution.cluster import Cluster
from alexnet_keras.distribution.rendezvous import connect
from alexnet_keras.distribution.replicated_model import ReplicatedModel
from alexnet_keras.system.disk import size_of


class Replicas:
    """The copies of one network, one on each device. Every batch is distributed over them.

    Gradients and metrics are those of the whole batch. If there are several workers, the constructor connects them, so
    call it before TensorFlow computes anything.

    Args:
        devices: TensorFlow's names of the devices of this worker; a single device needs no copies.
        layout: `replicas`, or `two-tower` for one copy with each tower on one of two devices.

    Attributes:
        strategy: create everything that has variables in its scope: network, metrics, optimizer.
        worker_index, num_workers: the index of this worker, and their number; the chief has index 0.
    """

    def __init__(self, devices: Sequence[str], cluster: Cluster | None = None, layout: str = "replicas") -> None:
        self.devices, self.cluster, self.two_towers = tuple(devices), cluster, layout == "two-tower"
        if cluster is not None:
            self.strategy = connect(cluster)
        elif len(devices) > 1 and not self.two_towers:
            self.strategy = tf.distribute.MirroredStrategy(list(devices))
        else:
            self.strategy = tf.distribute.get_strategy()
        self.worker_index = 0 if cluster is None else cluster.index
        self.num_workers = 1 if cluster is None else len(cluster.addresses)

    @property
    def count(self) -> int:
        """The number of copies of the network, of all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def num_devices(self) -> int:
        """The number of devices that a step is computed on, of all workers."""
        return max(len(self.devices), self.count)

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes the run."""
        return self.worker_index == 0

    @property
    def is_single(self) -> bool:
        """Whether one worker trains one whole network on one device."""
        return self.cluster is None and self.num_devices == 1

    def prepare(self, model: keras.Model) -> keras.Model:
        """Turn a functional model that was created in the strategy's scope into one that uses all devices."""
        if self.two_towers:
            return two_tower.place(model, self.devices)
        return model if self.count == 1 else ReplicatedModel(model.inputs, model.outputs[0], name=model.name)

    def distribute(self, batches: tf.data.Dataset) -> Any:
        """Distribute every batch of this worker over its devices; their numbers of images differ by at most one.

        Args:
            batches: this worker's fraction of every global batch, `(B, ...)` images with `(B,)` labels.

        Returns:
            Batches for `fit`. Keras does not know their number, so pass the number of steps to `fit`.
        """
        if self.count == 1:
            return batches
        devices = len(self.strategy.extended.worker_devices)

        def parts(images: tf.Tensor, labels: tf.Tensor) -> tf.data.Dataset:
            return tf.data.Dataset.range(devices).map(lambda part: (images[part::devices], labels[part::devices]))

        return self.strategy.distribute_datasets_from_function(lambda _: batches.flat_map(parts).prefetch(devices))

    def separate_noise(self, model: keras.Model) -> None:
        """Give the dropout of each replica its own random stream; call it once, before training.

        The first replica keeps the seed; it is the one that is saved.
        """
        if self.count == 1:
            return
        first = self.worker_index * len(self.strategy.extended.worker_devices)
        for variable in model.non_trainable_variables:
            if variable.path.endswith("/seed_generator_state"):
                for number, replica in enumerate(self.strategy.experimental_local_results(variable.value)):
                    replica.assign_add([first + number, 0])

    def describe(self, model: keras.Model) -> str:
        """Return the number of workers, or the memory of each device in the two-tower layout, to end a plan's line."""
        if self.two_towers:
            held = two_tower.bytes_per_device([*model.trainable_variables, *model.optimizer.variables])
            sizes = ", ".join(f"{device}: {size_of(size, 1)}" for device, size in held.items())
            return f"; {sizes} of weights and velocities"
        return "" if self.cluster is None else f"; {self.num_workers} workers, {self.count} devices in all"

    def synchronize(self, due: bool, stop: int) -> tuple[bool, int]:
        """Synchronize whether a checkpoint is due, which the chief decides, and whether a signal stops all workers."""
        if self.cluster is None:
            return due, stop
        known = np.zeros(signal.NSIG, np.int32)  # no signal has the number 0
        known[stop] = 1
        known[0] = due and self.is_chief
        known = self.all_reduce(known)
        received = np.flatnonzero(known[1:]) + 1
        return bool(known[0]), int(received[0]) if len(received) else 0

    def all_reduce(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of the values of all workers; each of them must call it."""
        if self.cluster is None:
            return values

        def of_replica(context: Any) -> tf.Tensor:  # a worker contributes its values once, by its first device
            mine = context.replica_id_in_sync_group % len(self.strategy.extended.worker_devices) == 0
            return tf.constant(values if mine else np.zeros_like(values))

        parts = self.strategy.experimental_distribute_values_from_function(of_replica)
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None).numpy()

    def from_chief(self, value: Any) -> Any:
        """Return the chief's value, which must be JSON-serializable, on all workers; each of them must call it."""
        if self.cluster is None:
            return value
        text = json.dumps(value).encode() if self.is_chief else b""
        (length,) = self.all_reduce(np.array([len(text)], np.int32))
        numbers = np.frombuffer(text, np.uint8).astype(np.int32) if self.is_chief else np.zeros(length, np.int32)
        return json.loads(self.all_reduce(numbers).astype(np.uint8).tobytes())

    def arrays_from_chief(self, variables: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> None:
        """Assign the values of the chief to the variables of all workers."""
        for name, variable in variables.items():
            mine = values[name] if self.is_chief else np.zeros(variable.shape, variable.dtype)
            variable.assign(self.all_reduce(mine))
