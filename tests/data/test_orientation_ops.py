"""Operators turn images upright exactly as NumPy does, eagerly and inside tf.data, whatever the EXIF data are."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_keras.data.orientation import turn_array
from alexnet_keras.data.orientation_ops import is_exif, upright_by_exif

IMAGE = np.random.RandomState(0).randint(0, 256, (5, 7, 3), np.uint8)


def exif_of(orientation: int, order: str) -> bytes:
    """EXIF data of three entries, as they follow their name in a file."""
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112], exif[0x0131] = "A camera", orientation, "A program"
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("in_graph", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_orientation_turns_as_numpy_does(order, in_graph):
    contents = [exif_of(orientation, order) for orientation in range(10)]
    dataset = tf.data.Dataset.from_tensor_slices(contents)
    turned = dataset.map(lambda exif: upright_by_exif(tf.constant(IMAGE), exif, in_graph))
    for content, image in zip(contents, turned, strict=True):
        expected = turn_array(IMAGE, content)
        np.testing.assert_array_equal(image, expected)
        np.testing.assert_array_equal(upright_by_exif(tf.constant(IMAGE), tf.constant(content), in_graph), expected)
    assert len({turn_array(IMAGE, content).tobytes() for content in contents}) == 8


@pytest.mark.parametrize("order", ["<", ">"])
def test_data_that_end_before_the_orientation_turn_nothing(order):
    """The second entry, at 22 to 34, is the orientation."""
    whole = exif_of(6, order)
    for ends, shape in ((range(34), (5, 7, 3)), (range(34, len(whole)), (7, 5, 3))):
        contents = [whole[:end] for end in ends]
        turned = tf.data.Dataset.from_tensor_slices(contents).map(
            lambda exif: upright_by_exif(tf.constant(IMAGE), exif, in_graph=True)
        )
        for content, image in zip(contents, turned, strict=True):
            assert image.shape == shape
            np.testing.assert_array_equal(image, turn_array(IMAGE, content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"II*\0", True),
        (b"MM\0*more", True),
        (b"II\0*", False),
        (b"MM*\0", False),
        (b"II*", False),
        (b"Exif\0\0II*\0", False),
        (b"", False),
    ],
)
def test_exif_data_begin_with_an_order_of_bytes(content, expected):
    assert bool(is_exif(tf.constant(content))) == expected
