"""The Pillow loader."""

import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import pillow


def test_the_loader_counts_every_image():
    image = tf.io.encode_png(np.zeros((300, 280, 3), np.uint8)).numpy()
    assert pillow.load([image] * 3, 227, 256) == 3
