"""Decode images of any kind, and explain why an image is refused."""

import contextlib

import tensorflow as tf

MAX_PIXELS = 2**26  # 8192 x 8192, 201 MB in RGB: more than the cameras of ImageNet's time, and it fits in memory
MIN_SIDE = 2  # pixels; images with a side of one pixel are tracking pixels or broken thumbnails
HEADER_BYTES = 26  # hold the dimensions in PNG, GIF and BMP files


def dimensions(encoded: tf.Tensor) -> tf.Tensor:
    """Read the height and width of an image from its header, without decoding it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(2,)` int64; zeros if the bytes do not begin like a JPEG, PNG, GIF or BMP.

    Raises:
        tf.errors.InvalidArgumentError: a JPEG has no complete header.
    """

    def other() -> tf.Tensor:
        head = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, HEADER_BYTES), tf.uint8), tf.int64)
        head = tf.pad(head, [[0, HEADER_BYTES - tf.size(head)]])

        def number(*indices: int) -> tf.Tensor:
            return tf.reduce_sum(tf.gather(head, indices) * [256**power for power in reversed(range(len(indices)))])

        def starts(signature: bytes) -> tf.Tensor:
            return tf.reduce_all(head[: len(signature)] == tf.constant(list(signature), tf.int64))

        png = tf.stack([number(20, 21, 22, 23), number(16, 17, 18, 19)])
        gif = tf.stack([number(9, 8), number(7, 6)])
        bmp = tf.stack([number(25, 24, 23, 22), number(21, 20, 19, 18)])
        bmp = tf.minimum(bmp, (1 << 32) - bmp)  # a negative height means that rows go from top to bottom
        sizes = tf.where(starts(b"GIF8"), gif, tf.where(starts(b"BM"), bmp, tf.zeros_like(bmp)))
        return tf.where(starts(b"\x89PNG"), png, sizes)

    return tf.cond(is_jpeg(encoded), lambda: tf.io.extract_jpeg_shape(encoded, tf.int64)[:2], other)


def is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF (first frame) or BMP of any kind into RGB.

    Greyscale is repeated, CMYK and palettes are converted, alpha is dropped, and 16 bits are reduced to 8. An image
    that is too large is refused by its header, before memory is allocated for it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(H, W, 3)` uint8, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are not an image, or the image is truncated, has more than
            `MAX_PIXELS` pixels or a side of less than `MIN_SIDE` pixels.
    """
    return decode_known(encoded, dimensions(encoded))


def decode_known(encoded: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Decode an image whose `dimensions` are `size`, `(2,)` int64; else like `decode`."""
    fits = tf.logical_and(tf.reduce_prod(size) <= MAX_PIXELS, tf.reduce_min(size) >= MIN_SIDE)
    with tf.control_dependencies([tf.debugging.Assert(fits, [size], summarize=2)]):
        image = tf.io.decode_image(tf.identity(encoded), channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return image


def why_refused(encoded: bytes) -> str:
    """Return why `decode` refuses an image, as a phrase that follows the image's name in a message."""
    if not encoded:
        return "is empty"
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        height, width = dimensions(tf.constant(encoded)).numpy().tolist()
        if height * width > MAX_PIXELS:
            return f"has {width:,} x {height:,} pixels, more than the limit of {MAX_PIXELS:,}"
        if 0 < min(height, width) < MIN_SIDE:
            return f"has {width} x {height} pixels, and each side needs at least {MIN_SIDE}"
    return "is not a complete JPEG, PNG, GIF or BMP image"
