"""Cluster the weights of a kernel so that they take few values (Han, Mao and Dally 2015, section 3)."""

import numpy as np

ROUNDS = 1000  # upper bound; 32 clusters of a million weights converge in a few hundred


def cluster(weights: np.ndarray, count: int) -> np.ndarray:
    """Replace each weight that is not zero by the mean of its cluster.

    This is k-means in one dimension. The centroids start evenly spaced from the smallest to the largest weight: of the
    three initializations of section 3.2, this one keeps the large weights, which matter most. Clusters of sorted
    numbers are intervals, so a round costs `count` binary searches instead of a pass over the weights.
    """
    kept = weights[weights != 0]
    if len(kept) == 0:
        return weights.copy()
    ordered = np.sort(kept).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centroids = np.linspace(ordered[0], ordered[-1], count)
    for _ in range(ROUNDS):
        edges = np.concatenate([[0], np.searchsorted(ordered, _borders(centroids)), [len(ordered)]])
        members = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(members, 1)
        before, centroids = centroids, np.where(members > 0, means, centroids)  # an empty cluster keeps its centroid
        if np.array_equal(before, centroids):
            break
    clustered = np.zeros_like(weights)
    clustered[weights != 0] = centroids[np.searchsorted(_borders(centroids), kept)]
    return clustered


def _borders(centroids: np.ndarray) -> np.ndarray:
    return (centroids[1:] + centroids[:-1]) / 2
