"""Arrays of NumPy in a pickle, whatever their type and the order of their values."""

import numpy as np

from alexnet_keras.weights import trained_weights

BIG_ENDIAN = {"conv1": [np.ones((11, 11, 3, 4), ">f4"), np.arange(4, dtype=">f8")]}


def test_big_endian_arrays_and_arrays_in_the_order_of_fortran(tmp_path):
    arrays = {**BIG_ENDIAN, "conv3": [np.asfortranarray(np.random.rand(3, 3, 6, 8)), np.ones(8)]}
    np.save(tmp_path / "a.npy", arrays, allow_pickle=True)
    read = trained_weights.read(tmp_path / "a.npy")
    np.testing.assert_array_equal(read.layers["conv1"]["bias"], np.arange(4))
    np.testing.assert_array_equal(read.layers["conv3"]["kernel"], arrays["conv3"][0].astype("float32"))
