"""The compiled square against triangles written out as matrices, in float64."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.data import image_ops
from alexnet_keras.data.compiled_resize import rescaled_crop, resized


def triangles(length: int, size: int, shorter: int) -> np.ndarray:
    """`(size, length)`: what each of the central `size` rescaled pixels takes of each pixel."""
    rescaled = round(length * size / shorter)
    scale, first = rescaled / length, (rescaled - size) // 2
    centres = (first + np.arange(size)[:, np.newaxis] + 0.5) / scale
    weights = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centres) / max(1, 1 / scale))
    return weights / weights.sum(axis=1, keepdims=True)


def reference(image: np.ndarray, size: int) -> np.ndarray:
    """`images.resize_and_crop` before it is rounded, float64."""
    height, width, _ = image.shape
    rows = np.tensordot(triangles(height, size, min(height, width)), image.astype(np.float64), 1)
    return np.einsum("ij,kjc->kic", triangles(width, size, min(height, width)), rows, optimize=True)


def noise(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (*shape, 3), np.uint8)


SHAPES = [(375, 500), (500, 333), (256, 256), (257, 300), (90, 61), (1000, 281), (2, 3), (2, 700), (1203, 2), (13, 13)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("offset", "flipped"), [((0, 0), False), ((29, 29), True), ((7, 20), False), ((29, 0), True)])
def test_a_square_is_that_of_the_rescaled_image(shape, offset, flipped):
    image, (top, left) = noise(*shape), offset
    expected = reference(image, 256)[top : top + 227, left : left + 227]
    square = rescaled_crop(image, 256, np.array(offset, np.int32), 227, flipped)
    assert (square.dtype, square.shape) == (np.uint8, (227, 227, 3))
    np.testing.assert_allclose(square[:, ::-1] if flipped else square, expected, atol=0.5 + 1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_of_it_is_what_tensorflow_makes(shape):
    image = noise(*shape)
    ours = rescaled_crop(image, 256, np.zeros(2, np.int32), 256, False).astype(int)
    theirs = image_ops.resize_and_crop(tf.constant(image)).numpy().astype(int)
    assert np.abs(ours - theirs).max() <= 1  # where a float ends on the other side of a half
    assert (ours != theirs).mean() < 5e-3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("offset", "flipped"), [((0, 0), True), ((14, 14), False)])
def test_numpy_computes_the_same_bits_as_the_compiled_loops(shape, offset, flipped):
    options = (noise(*shape), 256, np.array(offset), 227, flipped)
    np.testing.assert_array_equal(rescaled_crop(*options, compiled=False), rescaled_crop(*options))


def test_numpy_takes_pixels_of_other_types():
    image = noise(90, 61)
    square = rescaled_crop(image.astype(np.float64), 40, np.array([4, 9]), 20, compiled=False)
    np.testing.assert_array_equal(square, rescaled_crop(image, 40, np.array([4, 9]), 20))
    assert np.all(rescaled_crop(np.full((9, 9, 3), 300), 8, np.zeros(2), 8, compiled=False) == 255)


def test_white_stays_white_and_black_black():
    for value in (0, 255):
        square = rescaled_crop(np.full((371, 449, 3), value, np.uint8), 256, np.array([3, 5], np.int32), 227, False)
        assert (square == value).all()


def test_small_squares_of_other_sizes():
    image = noise(90, 61)
    square = rescaled_crop(image, 40, np.array([4, 9], np.int32), 20, True)
    np.testing.assert_allclose(square[:, ::-1], reference(image, 40)[4:24, 9:29], atol=0.5 + 1e-4)


def test_many_threads_at_once_give_the_same():
    image, offsets = noise(375, 500), [np.array([index % 30, index // 2], np.int32) for index in range(32)]

    def cut(offset: np.ndarray) -> np.ndarray:
        return rescaled_crop(image, 256, offset, 227, False)

    with ThreadPoolExecutor(8) as pool:
        for square, offset in zip(pool.map(cut, offsets), offsets, strict=True):
            np.testing.assert_array_equal(square, cut(offset))


def test_a_window_of_the_size_of_the_crop_keeps_its_pixels_and_numpy_computes_the_same_bits():
    image = noise(256, 256)
    np.testing.assert_array_equal(resized(image[3:230, 5:232], 227), image[3:230, 5:232])
    window = image[7:190, 30:251]
    np.testing.assert_array_equal(resized(window, 227, True, compiled=False), resized(window, 227, True))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_crop_of_a_photograph_can_have_any_shape(compiled):
    photograph = np.ascontiguousarray(noise(256, 256)[:90, :61])
    whole = rescaled_crop(photograph, 64, np.zeros(2, np.int32), 64)
    crop = rescaled_crop(photograph, 64, np.array([5, 9]), np.array([40, 21]), compiled=compiled)
    np.testing.assert_array_equal(crop, whole[5:45, 9:30])
