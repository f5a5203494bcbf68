"""Read image files by TensorFlow."""

import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from alexnet_keras.data.dataset import Split
from alexnet_keras.data.sources.files import Files, Paths


def split_of(parts: Iterable[Files]) -> Split:
    """Join the images of several folders into one split."""
    kept = [part for part in parts if len(part.names)]
    folders = tf.constant([os.fsencode(part.folder) + b"/" for part in kept])
    starts = np.cumsum([len(part.names) for part in kept])
    names = tf.concat([tf.constant(part.names) for part in kept], axis=0)

    def read(index: tf.Tensor) -> tf.Tensor:
        folder = tf.searchsorted(starts, [tf.cast(index, tf.int64)], side="right")[0]
        return tf.io.read_file(tf.strings.join([folders[folder], names[index]]))

    return Split(Paths(kept), np.concatenate([part.labels for part in kept]), read)
