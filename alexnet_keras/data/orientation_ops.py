"""Turn images upright as `orientation` does, eagerly, inside tf.data and in exports."""

from typing import Any

import tensorflow as tf

from alexnet_keras.data.orientation import BIG, LITTLE, ORIENTATION, turn_array

EXIF_BYTES = 2**16  # of the longest segment of a JPEG


def is_exif(content: tf.Tensor) -> tf.Tensor:
    """Return whether a scalar string begins as EXIF data do."""
    order = tf.strings.substr(content, 0, len(LITTLE))
    return (order == LITTLE) | (order == BIG)


def upright_by_exif(image: tf.Tensor, exif: tf.Tensor, in_graph: bool) -> tf.Tensor:
    """Turn an image, `(H, W, 3)`, as its EXIF data say; other data turn nothing.

    Args:
        in_graph: whether to use operators alone; otherwise one node calls them from Python, see `decode`.
    """

    def turn(image: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
        orientation = _orientation(exif)
        return tf.cond(orientation > 1, lambda: _turn(image, orientation), lambda: image)

    def turn_behind_python() -> tf.Tensor:
        return tf.numpy_function(turn_array, [image, exif], tf.uint8, stateful=False)

    return tf.cond(is_exif(exif), (lambda: turn(image, exif)) if in_graph else turn_behind_python, lambda: image)


def _turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    turn = orientation - 1  # 0 to 3 turn or flip, 4 to 7 do the same after a reflection along the diagonal
    image = tf.cond(turn > 3, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    upside_down, flipped = turn % 4 > 1, (turn % 4 == 1) | (turn % 4 == 2)
    return tf.reverse(image, tf.boolean_mask([0, 1], [upside_down, flipped]))


@tf.function(autograph=False)
def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """Read the orientation, 1 to 8, from EXIF data; 1 if they have none.

    EXIF data are a TIFF: its byte order, the offset of a list, and in the list its length and entries of 12 bytes.
    """
    data = tf.io.decode_raw(tf.strings.substr(exif, 0, EXIF_BYTES), tf.uint8)
    bytes_of_long = tf.range(4, dtype=tf.int64)
    is_little = tf.strings.substr(exif, 0, len(LITTLE)) == LITTLE
    long = 256 ** tf.where(is_little, bytes_of_long, 3 - bytes_of_long)  # the weight of each byte
    short = tf.where(is_little, long[:2], long[2:])

    def number(start: Any, weights: tf.Tensor) -> tf.Tensor:
        found = tf.cast(data[start : start + tf.size(weights, tf.int64)], tf.int64)
        return tf.reduce_sum(found * weights[: tf.size(found)])  # bytes behind the end count as 0

    start = number(4, long) + 2
    found = tf.cast(data[start : start + 12 * number(start - 2, short)], tf.int64)
    entries = tf.reshape(found[: tf.size(found) // 12 * 12], (-1, 12))
    tags, values = (tf.linalg.matvec(entries[:, first : first + 2], short) for first in (0, 8))
    value = tf.reduce_max(tf.where(tags == ORIENTATION, values, 0))
    return tf.where((value >= 1) & (value <= 8), value, 1)
