"""Layers that keep their weights: what they make of a picture is computed once and not in every epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import psutil
import tensorflow as tf

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.data import augmentation, image_ops, pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.system.progress import Progress

BATCH_SIZE = 64  # pictures a call of the frozen layers
VIEWS = 2  # of a training picture: the central crop and its mirror image


def freeze(model: keras.Model, last: str) -> None:
    """Let a network's convolutions up to this one keep their weights, and all others learn.

    Args:
        model: an AlexNet of this package.
        last: `conv1` to `conv5`, or `none`.
    """
    number = 0 if last == "none" else int(last[-1])
    for layer in model.layers:
        kind, _ = split_tower(layer.name)
        layer.trainable = not (kind.startswith(("conv", "batchnorm")) and int(kind[-1]) <= number)


def cut(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """A network as two: up to the last value that no training changes, and from there on.

    Both have the network's own layers, and so its weights. Dropout belongs to the second.
    """
    fixed: set[str] = set()
    edge: dict[str, Any] = {}
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        sources = [value._keras_history.operation for value in inputs]
        random = isinstance(layer, keras.layers.Dropout)
        if isinstance(layer, keras.layers.InputLayer) or (
            all(source.name in fixed for source in sources) and not layer.trainable_weights and not random
        ):
            fixed.add(layer.name)
        else:
            edge.update({source.name: source.output for source in sources if source.name in fixed})
    outputs = list(edge.values())
    middle = outputs if len(outputs) > 1 else outputs[0]  # Keras tells a list of one from its element
    return keras.Model(model.inputs[0], middle), keras.Model(middle, model.outputs[0], name=model.name)


@dataclass(frozen=True)
class Features:
    """What the frozen layers make of the pictures, held in memory.

    Attributes:
        training: one array `(2 N, ...)` for each input of the rest: of the central crops, then of their mirror images.
        validation: the same of the central crops alone, `(M, ...)`.
        labels, validation_labels: `(N,)` and `(M,)` int64.
    """

    training: tuple[tf.Tensor, ...]
    validation: tuple[tf.Tensor, ...]
    labels: np.ndarray
    validation_labels: np.ndarray

    def train_dataset(
        self, *, input_size: int, batch_size: int, epochs: tf.data.Dataset, seed: int, steps: int, first_step: int
    ) -> tf.data.Dataset:
        """Batches of features in the order, and mirrored as, `data.train_dataset` with `centred` has the pictures."""
        count = len(self.labels)
        labels = tf.constant(self.labels)
        indices = np.arange(count)[: steps * batch_size]

        def epoch_batches(turn: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
            draws = augmentation.draw(count, input_size, seed, epoch)
            skipped = tf.where(turn == 0, batch_size * first_step, 0)
            batches = tf.data.Dataset.from_tensor_slices(tf.constant(indices)[skipped:]).batch(batch_size)

            def gather(indices: tf.Tensor) -> tuple[Any, tf.Tensor]:
                images = tf.gather(draws.order, indices)
                rows = images + count * tf.cast(tf.gather(draws.flipped, indices), tf.int64)
                return _gather(self.training, rows), tf.gather(labels, images)

            return batches.map(gather, tf.data.AUTOTUNE)

        return reading.untuned(epochs.enumerate().flat_map(epoch_batches).prefetch(pipeline.READY))

    def eval_dataset(self, batch_size: int) -> tf.data.Dataset:
        """Batches of the validation pictures' features, in the stored order."""
        labels = tf.constant(self.validation_labels)
        batches = tf.data.Dataset.range(len(labels)).batch(batch_size)
        features = batches.map(lambda rows: (_gather(self.validation, rows), tf.gather(labels, rows)))
        return reading.untuned(features.prefetch(pipeline.READY))


def _gather(features: tuple[tf.Tensor, ...], rows: tf.Tensor) -> Any:
    found = tuple(tf.gather(values, rows) for values in features)
    return found if len(found) > 1 else found[0]


def fits(trunk: keras.Model, training: Split, validation: Split) -> bool:
    """Whether the features take at most half of the memory that is free; while they are made, they are there twice."""
    bytes_each = sum(math.prod(value.shape[1:]) * tf.as_dtype(value.dtype).size for value in trunk.outputs)
    needed = bytes_each * (VIEWS * len(training) + len(validation))
    return 2 * needed <= psutil.virtual_memory().available / 2


def compute(trunk: keras.Model, training: Split, validation: Split, input_size: int) -> Features:
    """Compute what the frozen layers make of every picture.

    Raises:
        InputError: a picture cannot be read.
    """
    signature = tf.TensorSpec((None, input_size, input_size, 3), tf.uint8)
    with Progress("Computing the features of frozen layers", VIEWS * len(training) + len(validation)) as progress:
        # Without dropout, and with batch normalization frozen, training is the same, and its normalization is compiled.
        call = tf.function(lambda images: trunk(images, training=True), input_signature=[signature])
        parts = [
            _features(call, split, view, input_size, progress)
            for split, view in (
                (training, image_ops.centre_crop),
                (training, _flipped),
                (validation, image_ops.centre_crop),
            )
        ]
    joined = tuple(tf.concat(pair, axis=0) for pair in zip(parts[0], parts[1], strict=True))
    return Features(joined, parts[2], training.labels, validation.labels)


def _flipped(image: tf.Tensor, size: int) -> tf.Tensor:
    return tf.reverse(image_ops.centre_crop(image, size), axis=[1])


def _features(
    call: Callable[[tf.Tensor], Any],
    split: Split,
    view: Callable[[tf.Tensor, int], tf.Tensor],
    size: int,
    progress: Progress,
) -> tuple[tf.Tensor, ...]:
    stores: list[Any] = []
    done = 0
    with reading.naming_unreadable(split):
        for images, _ in pipeline.eval_dataset(split, input_size=size, batch_size=BATCH_SIZE, view=view):
            found = [value.numpy() for value in tf.nest.flatten(call(images))]
            stores = stores or [np.empty((len(split), *value.shape[1:]), value.dtype) for value in found]
            for store, value in zip(stores, found, strict=True):
                store[done : done + len(value)] = value
            done += len(images)
            progress.advance(len(images))
    return tuple(tf.constant(store) for store in stores)
