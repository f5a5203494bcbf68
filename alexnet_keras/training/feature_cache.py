"""Frozen layers: their outputs for each image are computed once instead of in every epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.config.layer_names import is_frozen
from alexnet_keras.data import augmentation, image_ops, pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.inference.predictor import BATCH_SIZE
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.memory import fits_in_memory
from alexnet_keras.system.progress import Progress

CROPS = 2  # of a training image: the central crop and its horizontal flip


def freeze(model: keras.Model, last: str) -> None:
    """Freeze the convolutions of a network up to and including one; all other layers are trainable."""
    for layer in model.layers:
        layer.trainable = not is_frozen(layer.name, last)


def fitted_part(
    model: keras.Model, training: Split, validation: Split, input_size: int
) -> tuple[keras.Model, "Features | None"]:
    """Return the part of a network behind its frozen layers, and the features that it is fitted to.

    Returns:
        The whole network and `None` if the features do not fit into memory.
    """
    trunk, head = cut(model)
    bytes_per_crop = sum(math.prod(value.shape[1:]) * tf.as_dtype(value.dtype).size for value in trunk.outputs)
    if not fits_in_memory(bytes_per_crop * (CROPS * len(training) + len(validation))):
        print_message("The features of the frozen layers do not fit into memory and are computed in every epoch.")
        return model, None
    return head, compute(trunk, training, validation, input_size)


def cut(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Split a network behind its frozen layers.

    Both parts share the layers of the network and therefore its weights. Dropout belongs to the second part.
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
    middle = outputs if len(outputs) > 1 else outputs[0]  # Keras distinguishes a list of one from its element
    return keras.Model(model.inputs[0], middle), keras.Model(middle, model.outputs[0], name=model.name)


@dataclass(frozen=True)
class Features:
    """The outputs of the frozen layers, in memory.

    Attributes:
        training: one array `(2 N, ...)` for each input of the other part: those of the central crops, then those of
            their horizontal flips.
        validation: the same of the central crops alone, `(M, ...)`.
    """

    training: tuple[tf.Tensor, ...]
    validation: tuple[tf.Tensor, ...]
    labels: np.ndarray
    validation_labels: np.ndarray

    def train_dataset(
        self, *, input_size: int, batch_size: int, epochs: tf.data.Dataset, seed: int, steps: int, first_step: int
    ) -> tf.data.Dataset:
        """Batches in the order, and with the flips, of `pipeline.train_dataset` with central crops."""
        count = len(self.labels)
        labels = tf.constant(self.labels)
        indices = np.arange(count)[: steps * batch_size]

        def epoch_batches(nth: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
            draws = augmentation.draw(count, input_size, seed, epoch)
            skipped = tf.where(nth == 0, batch_size * first_step, 0)
            batches = tf.data.Dataset.from_tensor_slices(tf.constant(indices)[skipped:]).batch(batch_size)

            def gather(indices: tf.Tensor) -> tuple[Any, tf.Tensor]:
                images = tf.gather(draws.order, indices)
                rows = images + count * tf.cast(tf.gather(draws.flipped, indices), tf.int64)
                return _gather(self.training, rows), tf.gather(labels, images)

            return batches.map(gather, tf.data.AUTOTUNE)

        return reading.untuned(epochs.enumerate().flat_map(epoch_batches).prefetch(pipeline.READY))

    def eval_dataset(self, batch_size: int) -> tf.data.Dataset:
        """Batches of the features of the validation images, in the stored order."""
        labels = tf.constant(self.validation_labels)
        batches = tf.data.Dataset.range(len(labels)).batch(batch_size)
        features = batches.map(lambda rows: (_gather(self.validation, rows), tf.gather(labels, rows)))
        return reading.untuned(features.prefetch(pipeline.READY))


def _gather(features: tuple[tf.Tensor, ...], rows: tf.Tensor) -> Any:
    found = tuple(tf.gather(values, rows) for values in features)
    return found if len(found) > 1 else found[0]


def compute(trunk: keras.Model, training: Split, validation: Split, input_size: int) -> Features:
    """Compute the outputs of the frozen layers for the central crop of each image, and for its flip in training."""
    signature = tf.TensorSpec((None, input_size, input_size, 3), tf.uint8)
    # Training mode, because there local response normalization is compiled. The trunk has no dropout, and its batch
    # normalization is frozen.
    call = tf.function(lambda images: trunk(images, training=True), input_signature=[signature])
    with Progress("Computing the features of frozen layers", CROPS * len(training) + len(validation)) as progress:

        def features(split: Split, crop: Callable[[tf.Tensor, int], tf.Tensor]) -> list[np.ndarray]:
            batches: list[list[np.ndarray]] = []
            with reading.naming_unreadable(split):
                for images, _ in pipeline.eval_dataset(split, input_size=input_size, batch_size=BATCH_SIZE, crop=crop):
                    batches.append([value.numpy() for value in tf.nest.flatten(call(images))])
                    progress.advance(len(images))
            return [np.concatenate(values) for values in zip(*batches, strict=True)]

        plain = features(training, image_ops.center_crop)
        flipped = features(training, lambda image, size: image_ops.flip(image_ops.center_crop(image, size)))
        validated = features(validation, image_ops.center_crop)
    joined = tuple(tf.concat(pair, axis=0) for pair in zip(plain, flipped, strict=True))
    return Features(joined, tuple(map(tf.constant, validated)), training.labels, validation.labels)
