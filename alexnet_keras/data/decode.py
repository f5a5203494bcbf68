"""Decode images of any kind by TensorFlow, within bounds of memory and time."""

import functools

import numpy as np
import tensorflow as tf

from alexnet_keras.data.image_arrays import decode_webp, webp_frame
from alexnet_keras.data.image_files import (
    EXIF,
    GIF,
    JPEG,
    MAX_PIXELS,
    MAX_SCANNED_PIXELS,
    MIN_SIDE,
    PNG_EXIF,
    SCAN,
    check_size,
    gif_first_frame,
    kind_of,
)
from alexnet_keras.data.orientation import orientation_of, turn_array
from alexnet_keras.data.orientation_ops import is_exif, upright_by_exif

DCT = "INTEGER_ACCURATE"  # TensorFlow's default is faster by 2%, and differs by up to 21 grey levels
HEADER_BYTES = 26  # hold the dimensions in PNG and BMP files
SHORTEST_SCAN = 10  # bytes, without data


def stored_bytes(size: int) -> int:
    """Return the bytes up to which no JPEG of `size` x `size` pixels has too many scans: 164 KB for 256 pixels."""
    return MAX_SCANNED_PIXELS // size**2 * SHORTEST_SCAN


def jpeg_dimensions(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.extract_jpeg_shape(encoded, tf.int64)[:2]


def is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(JPEG)) == JPEG


def decode(encoded: tf.Tensor, upright: bool = True) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF, BMP or WebP of any kind into RGB, eagerly or inside tf.data.

    Greyscale is repeated, CMYK and palettes are converted, alpha is dropped, and 16 bits are reduced to 8. Of an
    animation, the first frame is decoded. The pixels of a JPEG are those of libjpeg's accurate transform, which Pillow,
    torchvision and Caffe use. An image that exceeds a bound is refused by its headers, before memory is allocated.

    Args:
        upright: whether to turn the image as its EXIF orientation says, or to leave it as the camera stored it.

    Returns:
        `(H, W, 3)` uint8, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are not an image, or the image is truncated, has more than
            `MAX_PIXELS` pixels, a side of less than `MIN_SIDE` pixels, or more than `MAX_SCANNED_PIXELS` in its scans.
    """

    def other() -> tf.Tensor:
        decoder = functools.partial(_decode_bytes, upright=upright)
        return tf.numpy_function(decoder, [encoded], tf.uint8, stateful=False)

    # TensorFlow passes over every node of a branch that is not taken, so other kinds are one node that calls Python.
    image = tf.cond(is_jpeg(encoded), lambda: _decode_jpeg(encoded, upright, in_graph=False), other)
    image.set_shape((None, None, 3))
    return image


def decode_in_graph(encoded: tf.Tensor, upright: bool = True) -> tf.Tensor:
    """Decode a JPEG, PNG or BMP by TensorFlow's operators alone, so that an export can do it; else like `decode`.

    A GIF is refused, because the decoder would allocate memory for all of its frames, and so is a WebP, which
    TensorFlow 2.20 and older cannot decode.
    """

    def other() -> tf.Tensor:
        image = _decode_other(encoded)
        return upright_by_exif(image, _after(encoded, PNG_EXIF), in_graph=True) if upright else image

    image = tf.cond(is_jpeg(encoded), lambda: _decode_jpeg(encoded, upright, in_graph=True), other)
    image.set_shape((None, None, 3))
    return image


def has_exif(jpeg: tf.Tensor) -> tf.Tensor:
    """Return whether `decode` looks for the orientation of a JPEG."""
    return is_exif(_after(_scans(jpeg)[0], EXIF))


def is_turned(encoded: tf.Tensor) -> tf.Tensor:
    """Return whether `decode` turns or flips a JPEG; of other kinds, which cameras do not write, `False`."""
    exif = tf.cond(is_jpeg(encoded), lambda: _after(_scans(encoded)[0], EXIF), lambda: tf.constant(b""))
    return tf.numpy_function(lambda exif: orientation_of(exif) > 1, [exif], tf.bool, stateful=False)


def _scans(jpeg: tf.Tensor) -> tf.Tensor:
    """Split a JPEG at its scans: `(1 + scans,)` strings, the first of which has all headers."""
    return tf.raw_ops.StringSplitV2(input=[jpeg], sep=SCAN).values


def _after(content: tf.Tensor, marker: bytes) -> tf.Tensor:
    """Return what follows the first `marker` in the content, and all of the content if there is none."""
    return tf.raw_ops.StringSplitV2(input=[content], sep=marker, maxsplit=1).values[-1]


def _decode_jpeg(encoded: tf.Tensor, upright: bool, in_graph: bool) -> tf.Tensor:
    size = jpeg_dimensions(encoded)
    pixels = tf.reduce_prod(size)
    parts = _scans(encoded)
    scans = tf.size(parts, tf.int64) - 1
    fits = (pixels <= MAX_PIXELS) & (pixels * scans <= MAX_SCANNED_PIXELS) & (tf.reduce_min(size) >= MIN_SIDE)
    with tf.control_dependencies([tf.debugging.Assert(fits, [size], summarize=2)]):
        image = tf.io.decode_jpeg(tf.identity(encoded), channels=3, dct_method=DCT)
    return upright_by_exif(image, _after(parts[0], EXIF), in_graph) if upright else image


def _dimensions(encoded: tf.Tensor) -> tf.Tensor:
    """Read the height and width of a PNG or BMP, `(2,)` int64; zeros if the bytes begin in another way."""
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, HEADER_BYTES), tf.uint8), tf.int64)
    head = tf.pad(head, [[0, HEADER_BYTES - tf.size(head)]])

    def number(*indices: int) -> tf.Tensor:
        return tf.reduce_sum(tf.gather(head, indices) * [256**power for power in reversed(range(len(indices)))])

    def starts(signature: bytes) -> tf.Tensor:
        return tf.reduce_all(head[: len(signature)] == tf.constant(list(signature), tf.int64))

    png = tf.stack([number(20, 21, 22, 23), number(16, 17, 18, 19)])
    bmp = tf.stack([number(25, 24, 23, 22), number(21, 20, 19, 18)])
    bmp = tf.minimum(bmp, (1 << 32) - bmp)  # a negative height means that rows go from top to bottom
    return tf.where(starts(b"\x89PNG"), png, tf.where(starts(b"BM"), bmp, tf.zeros_like(bmp)))


def _decode_other(encoded: tf.Tensor) -> tf.Tensor:
    size = _dimensions(encoded)
    pixels = tf.reduce_prod(tf.minimum(size, MAX_PIXELS + 1))  # so that the product of two 32-bit numbers fits
    fits = (pixels <= MAX_PIXELS) & (tf.reduce_min(size) >= MIN_SIDE)
    with tf.control_dependencies([tf.debugging.Assert(fits, [size], summarize=2)]):
        return tf.io.decode_image(tf.identity(encoded), channels=3, expand_animations=False)


class _RefusedError(tf.errors.InvalidArgumentError, ValueError):
    """Inside tf.data, TensorFlow turns a `ValueError` of a Python function into an `InvalidArgumentError`."""

    def __init__(self, message: str) -> None:
        super().__init__(None, None, message)


def _decode_bytes(given: bytes | np.ndarray, upright: bool) -> np.ndarray:
    """Decode an image of any kind but JPEG; `given` is an array outside tf.data."""
    encoded: bytes = given if isinstance(given, bytes) else given.item()
    try:
        if encoded.startswith(GIF):
            height, width, end = gif_first_frame(encoded)
            check_size(height, width)
            return tf.io.decode_image(encoded[:end] + b";", channels=3, expand_animations=False).numpy()
        if kind_of(encoded) == "WebP":
            has_decoder = hasattr(tf.io, "decode_webp")  # since TensorFlow 2.21
            image, exif = decode_webp(encoded, _webp_frame if has_decoder else webp_frame)
        else:
            image, exif = _decode_other(tf.constant(encoded)).numpy(), encoded.partition(PNG_EXIF)[2]
        return turn_array(image, exif) if upright else image
    except (tf.errors.InvalidArgumentError, ValueError, OSError) as error:  # the last is Pillow's
        raise _RefusedError(str(error)) from error


def _webp_frame(encoded: bytes) -> np.ndarray:
    return tf.io.decode_image(encoded, channels=0, expand_animations=False).numpy()[..., :3]
