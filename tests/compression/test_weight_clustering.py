"""Weight clustering equals k-means in its textbook form."""

import numpy as np
import pytest

from alexnet_keras.compression.weight_clustering import cluster


def k_means(weights, count):
    """Lloyd's algorithm with all distances, from evenly spaced centroids."""
    centroids = np.linspace(weights.min(), weights.max(), count)
    while True:
        nearest = np.abs(weights[:, None] - centroids).argmin(axis=1)
        means = [
            weights[nearest == index].mean() if (nearest == index).any() else centroids[index] for index in range(count)
        ]
        if np.array_equal(means, centroids):
            return centroids[nearest]
        centroids = np.array(means)


@pytest.mark.parametrize("count", [1, 2, 5, 32])
def test_equals_k_means(count):
    weights = np.random.RandomState(0).normal(size=500)
    np.testing.assert_allclose(cluster(weights.astype(np.float32), count), k_means(weights, count), rtol=1e-5)


def test_zeros_stay_and_values_are_few():
    weights = np.random.RandomState(1).normal(size=(40, 50)).astype(np.float32)
    weights[np.abs(weights) < 0.5] = 0
    clustered = cluster(weights, 8)
    assert clustered.dtype == np.float32
    np.testing.assert_array_equal(clustered == 0, weights == 0)
    assert len(np.unique(clustered[clustered != 0])) <= 8
    assert np.square(clustered - weights).sum() < 0.05 * np.square(weights).sum()


def test_few_values_stay_as_they_are():
    weights = np.array([[0, 1, 1], [2, 0, 2]], np.float32)
    np.testing.assert_array_equal(cluster(weights, 32), weights)
    np.testing.assert_array_equal(cluster(np.zeros((2, 2), np.float32), 4), np.zeros((2, 2)))
