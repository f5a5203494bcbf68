"""Arrays are coded without loss, in few bytes."""

import numpy as np
import pytest

from alexnet_keras.weights import coded_arrays


@pytest.mark.parametrize("gap", [0, 1, 254, 255, 256, 509, 510, 511, 100_000])
def test_distances_of_any_length(gap):
    array = np.zeros((2, gap + 3), np.float32)
    array[0, 0] = array[0, gap + 1] = 2
    array[1, gap + 2] = -1
    np.testing.assert_array_equal(coded_arrays.decode(coded_arrays.encode(array), array.shape), array)


def test_bytes_of_each_stage_by_hand():
    """1,000 weights, 10 of them not zero, at distances below 255 and with 5 values."""
    array = np.zeros((10, 100), np.float32)
    array[:, 7] = np.repeat([1, 2, 3, 4, 5], 2)
    values, distances, indices = coded_arrays.encode(array)
    assert (len(values), len(distances), len(indices)) == (5 * 4, 10, 10)
    assert list(distances) == [7] + [99] * 9


def test_the_coder_comes_near_the_entropy():
    random = np.random.RandomState(0)
    numbers = random.choice(32, 200_000, p=(fractions := random.dirichlet(np.ones(32)))).astype(np.uint8)
    entropy = -(fractions * np.log2(fractions)).sum() * len(numbers) / 8
    assert 0.99 * entropy < len(coded_arrays.huffman(numbers.tobytes())) < 1.02 * entropy
