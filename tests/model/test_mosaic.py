"""Kernels and feature maps as one image."""

import numpy as np

from alexnet_keras.model.mosaic import as_images, mosaic


def test_zero_is_grey_in_each_kernel():
    kernel = np.zeros((2, 2, 3, 2))
    kernel[0, 0, 0, 0], kernel[1, 1, 2, 1] = 4, -0.5
    images = as_images(kernel)
    assert images.shape == (2, 2, 2, 3)
    assert images[0, 0, 0].tolist() == [1, 0.5, 0.5]
    assert images[1, 1, 1].tolist() == [0.5, 0.5, 0]


def test_images_stand_in_rows_with_gaps():
    images = np.arange(1, 4)[:, None, None] * np.ones((3, 2, 2), int)
    assert mosaic(images, columns=2, background=0).tolist() == [
        [1, 1, 0, 2, 2],
        [1, 1, 0, 2, 2],
        [0, 0, 0, 0, 0],
        [3, 3, 0, 0, 0],
        [3, 3, 0, 0, 0],
    ]
