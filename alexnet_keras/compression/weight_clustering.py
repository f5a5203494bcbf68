"""Weight sharing (Han, Mao and Dally 2015, section 3): the weights of a kernel take few values."""

import numpy as np

ROUNDS = 1000  # at most; 32 values of a million weights settle in a few hundred


def share(weights: np.ndarray, count: int) -> np.ndarray:
    """Replace every weight that is not zero by the mean of its cluster.

    k-means in one dimension, from centroids that lie evenly between the smallest and the largest weight: of the three
    initializations of section 3.2 the one that keeps the large weights, which matter most. Clusters of sorted numbers
    are intervals, so a round costs `count` binary searches and not a pass over the weights.

    Args:
        weights: any shape, float32; zeros stay zeros.
        count: clusters, at least 1.

    Returns:
        The same shape in float32, with at most `count` values besides zero.
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
        before, centroids = centroids, np.where(members > 0, means, centroids)  # an empty cluster waits where it is
        if np.array_equal(before, centroids):
            break
    shared = np.zeros_like(weights)
    shared[weights != 0] = centroids[np.searchsorted(_borders(centroids), kept)]
    return shared


def _borders(centroids: np.ndarray) -> np.ndarray:
    return (centroids[1:] + centroids[:-1]) / 2
