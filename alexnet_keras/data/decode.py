"""data.decode."""

import contextlib

import tensorflow as tf

MAX_PIXELS = 2**26  # 8192 x 8192, 201 MB in RGB: beyond every camera of ImageNet's years, short of a machine's memory
MIN_SIDE = 2  # pixels; a side of one is a web page's tracking pixel or a broken thumbnail, and no object
HEADER_BYTES = 26  # the sizes of PNG, GIF and BMP lie within


def dimensions(encoded: tf.Tensor) -> tf.Tensor:
    """Height and width as a picture's header has them, without decoding it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(2,)` int64; zeros where the bytes begin as none of JPEG, PNG, GIF and BMP.

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

    # Nearly all are JPEGs, so theirs is the short way.
    return tf.cond(_is_jpeg(encoded), lambda: tf.io.extract_jpeg_shape(encoded, tf.int64)[:2], other)


def _is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF (first frame) or BMP of any kind into RGB.

    Greyscale is repeated, CMYK and palettes are converted, alpha is dropped, 16 bits are cut to 8. A picture that is
    too large is refused by its header, before memory is taken for it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(H, W, 3)` uint8, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no picture, a truncated one, one of more than `MAX_PIXELS`, or one
            with a side of less than `MIN_SIDE`.
    """
    return _decode(encoded, dimensions(encoded))


def _decode(encoded: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """`decode` of a picture whose `dimensions` are known."""
    fits = tf.logical_and(tf.reduce_prod(size) <= MAX_PIXELS, tf.reduce_min(size) >= MIN_SIDE)
    with tf.control_dependencies([tf.debugging.Assert(fits, [size], summarize=2)]):
        image = tf.io.decode_image(tf.identity(encoded), channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return image


def why_refused(encoded: bytes) -> str:
    """What is wrong with a picture that `decode` does not take, to follow its name in a message."""
    if not encoded:
        return "is empty"
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        height, width = dimensions(tf.constant(encoded)).numpy().tolist()
        if height * width > MAX_PIXELS:
            return f"has {width:,} x {height:,} pixels, of which at most {MAX_PIXELS:,} are read"
        if 0 < min(height, width) < MIN_SIDE:
            return f"has {width} x {height} pixels; a picture has at least {MIN_SIDE} a side"
    return "is not a complete JPEG, PNG, GIF or BMP picture"
