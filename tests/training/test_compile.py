"""The loss of training."""

import numpy as np
import tensorflow as tf

from alexnet_keras.training.compile import smoothed_crossentropy


def test_label_smoothing_spreads_a_part_of_the_target():
    logits = np.array([[2.0, 0.0, -1.0]], "float32")
    log_probabilities = tf.nn.log_softmax(logits).numpy()[0]
    for smoothing in (0.0, 0.3):
        target = np.array([0, 1, 0]) * (1 - smoothing) + smoothing / 3
        loss = smoothed_crossentropy(smoothing)(np.array([1]), tf.constant(logits))
        np.testing.assert_allclose(loss, [-(target * log_probabilities).sum()], rtol=1e-6)
