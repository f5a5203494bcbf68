"""A sample of a split has all of its classes."""

import numpy as np

from alexnet_keras.data.dataset import sample, split_in_memory


def test_a_sample_has_all_classes_although_they_follow_in_a_period():
    labels = np.arange(500) % 10
    split = split_in_memory([str(index) for index in range(500)], labels, np.zeros((500, 1, 1, 3), np.uint8))
    sampled = sample(split, 300)
    assert np.bincount(sampled.labels).tolist() == [30] * 10
    assert np.all(np.diff([int(name) for name in sampled.names]) > 0)
    assert len(sample(split, 9_999)) == 500
