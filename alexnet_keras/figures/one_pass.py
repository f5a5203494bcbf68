"""One pass of a network over the images of a split."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from alexnet_keras.data import image_ops, pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.inference.predictor import BATCH_SIZE
from alexnet_keras.system.progress import Progress

Batches = Iterator[tuple[np.ndarray, np.ndarray]]


def outputs(split: Split, size: int, call: Callable[[np.ndarray], np.ndarray], label: str) -> Batches:
    """Yield batches of centre crops, `(B, size, size, 3)` uint8, with the outputs of `call` for them."""
    dataset = pipeline.eval_dataset(split, input_size=size, batch_size=BATCH_SIZE)
    with Progress(label, len(split)) as progress, reading.naming_unreadable(split):
        for images, _ in dataset.as_numpy_iterator():
            yield images, call(images)
            progress.advance(len(images))


def crops(split: Split, indices: Sequence[int] | np.ndarray, size: int) -> list[np.ndarray]:
    """Read the centre crops of a few images, `(size, size, 3)` uint8."""
    with reading.naming_unreadable(split):
        return [image_ops.center_crop(split.pixels(tf.constant(index, tf.int64)), size).numpy() for index in indices]
