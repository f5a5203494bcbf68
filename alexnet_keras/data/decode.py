"""Decode images of any kind within bounds of memory and time, and explain why an image is refused."""

import contextlib

import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE

MAX_PIXELS = 2**26  # 8192 x 8192, 201 MB in RGB: more than the cameras of ImageNet's time, and it fits in memory
MIN_SIDE = 2  # pixels; images with a side of one pixel are tracking pixels or broken thumbnails
# Pixels times scans of a JPEG: 4 seconds at 4 ns a pixel. A progressive photograph has 10 scans, in CMYK 18. 16 scans
# of the largest image fit, and 5,000 of a photograph of ImageNet.
MAX_SCANNED_PIXELS = 2**30
# The decoder allocates all frames of a GIF, so bytes after the first are cut off. A block has at most 255 bytes.
MAX_GIF_HEAD = 2**14  # blocks before the first frame; an extension of metadata has about 1,000
MAX_GIF_BLOCKS = 2**16  # in the first frame: 16.7 MB
HEADER_BYTES = 26  # hold the dimensions in PNG and BMP files, and the screen of GIF files
JPEG, GIF = b"\xff\xd8\xff", b"GIF8"
SCAN = b"\xff\xda\x00"  # the marker of a scan and the upper byte of its length; the decoder rejects lengths above 14
SHORTEST_SCAN = 10  # bytes, without data
STORED_BYTES = MAX_SCANNED_PIXELS // STORED_SIZE**2 * SHORTEST_SCAN  # no scan of such a small JPEG is too many; 164 KB


def dimensions(encoded: tf.Tensor) -> tf.Tensor:
    """Read the height and width of an image from its headers, without decoding it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(2,)` int64; zeros if the bytes do not begin like a JPEG, PNG, GIF or BMP. A GIF has the larger of its screen
        and its first frame, since the decoder allocates both.

    Raises:
        tf.errors.InvalidArgumentError: a JPEG has no complete header, or a GIF no complete first frame.
    """

    def other() -> tf.Tensor:
        head = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, HEADER_BYTES), tf.uint8), tf.int64)
        head = tf.pad(head, [[0, HEADER_BYTES - tf.size(head)]])

        def number(*indices: int) -> tf.Tensor:
            return tf.reduce_sum(tf.gather(head, indices) * [256**power for power in reversed(range(len(indices)))])

        def starts(signature: bytes) -> tf.Tensor:
            return tf.reduce_all(head[: len(signature)] == tf.constant(list(signature), tf.int64))

        def frame() -> tf.Tensor:
            sides = tf.io.decode_raw(tf.strings.substr(encoded, _gif_start(encoded) + 5, 4), tf.uint16)
            return tf.cast(tf.reverse(sides, [0]), tf.int64)

        png = tf.stack([number(20, 21, 22, 23), number(16, 17, 18, 19)])
        bmp = tf.stack([number(25, 24, 23, 22), number(21, 20, 19, 18)])
        bmp = tf.minimum(bmp, (1 << 32) - bmp)  # a negative height means that rows go from top to bottom
        sizes = tf.where(starts(b"BM"), bmp, tf.zeros_like(bmp))
        sizes = tf.where(starts(b"\x89PNG"), png, sizes)
        screen = tf.stack([number(9, 8), number(7, 6)])
        return tf.cond(_is_gif(encoded), lambda: tf.maximum(screen, frame()), lambda: sizes)

    return tf.cond(is_jpeg(encoded), lambda: tf.io.extract_jpeg_shape(encoded, tf.int64)[:2], other)


def is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(JPEG)) == JPEG


def _is_gif(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(GIF)) == GIF


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def _gif_start(encoded: tf.Tensor) -> tf.Tensor:
    """Find the first frame of a GIF behind its palette and its extensions: scalar int32, the index of its descriptor.

    Raises:
        tf.errors.InvalidArgumentError: there is no frame within the first `MAX_GIF_HEAD` blocks.
    """
    data = tf.io.decode_raw(encoded, tf.uint8)

    def step(index: tf.Tensor, inside: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        length = _byte(data, index)  # an extension is 0x21, its kind, and blocks, of which the last has no bytes
        return index + tf.where(inside, 1 + length, 2), tf.logical_or(~inside, length > 0)

    start, inside = tf.while_loop(
        lambda index, inside: tf.logical_or(inside, _byte(data, index) == 0x21),
        step,
        (13 + _palette_bytes(data, 10), False),
        maximum_iterations=MAX_GIF_HEAD,
    )
    with tf.control_dependencies([tf.debugging.Assert(~inside & (_byte(data, start) == 0x2C), [start])]):
        return tf.identity(start)


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def _first_frame(encoded: tf.Tensor) -> tf.Tensor:
    """Cut a GIF after its first frame: scalar string.

    Raises:
        tf.errors.InvalidArgumentError: the frame is incomplete, or has more than `MAX_GIF_BLOCKS` blocks.
    """
    data, start = tf.io.decode_raw(encoded, tf.uint8), _gif_start(encoded)
    (last,) = tf.while_loop(
        lambda index: _byte(data, index) > 0,
        lambda index: (index + 1 + _byte(data, index),),
        (start + 11 + _palette_bytes(data, start + 9),),
        maximum_iterations=MAX_GIF_BLOCKS,
    )
    with tf.control_dependencies([tf.debugging.Assert(_byte(data, last) == 0, [last])]):
        return tf.strings.substr(encoded, 0, last + 1) + b";"


def _byte(data: tf.Tensor, index: tf.Tensor | int) -> tf.Tensor:
    return tf.cast(data[index], tf.int32)


def _palette_bytes(data: tf.Tensor, index: tf.Tensor | int) -> tf.Tensor:
    flags = _byte(data, index)
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF (first frame) or BMP of any kind into RGB.

    Greyscale is repeated, CMYK and palettes are converted, alpha is dropped, and 16 bits are reduced to 8. An image
    that exceeds a bound is refused by its headers, before memory is allocated for it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(H, W, 3)` uint8, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are not an image, or the image is truncated, has more than
            `MAX_PIXELS` pixels, a side of less than `MIN_SIDE` pixels, or more than `MAX_SCANNED_PIXELS` in its scans.
    """
    return decode_known(encoded, dimensions(encoded))


def decode_known(encoded: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Decode an image whose `dimensions` are `size`, `(2,)` int64; else like `decode`."""
    pixels = tf.reduce_prod(tf.minimum(size, MAX_PIXELS + 1))  # so that the product of two 32-bit numbers fits

    def scans() -> tf.Tensor:
        return tf.size(tf.raw_ops.StringSplitV2(input=[encoded], sep=SCAN).values, tf.int64) - 1

    def scans_fit() -> tf.Tensor:
        most = tf.strings.length(encoded) // SHORTEST_SCAN
        return tf.cond(
            pixels * tf.cast(most, tf.int64) <= MAX_SCANNED_PIXELS,
            lambda: True,  # without a search, which takes 3% of the time of decoding
            lambda: pixels * scans() <= MAX_SCANNED_PIXELS,
        )

    def first_frame() -> tf.Tensor:
        return tf.cond(_is_gif(encoded), lambda: _first_frame(encoded), lambda: encoded)

    whole, content = tf.cond(is_jpeg(encoded), lambda: (scans_fit(), encoded), lambda: (True, first_frame()))
    fits = tf.reduce_all([whole, pixels <= MAX_PIXELS, tf.reduce_min(size) >= MIN_SIDE])
    with tf.control_dependencies([tf.debugging.Assert(fits, [size], summarize=2)]):
        image = tf.io.decode_image(tf.identity(content), channels=3, expand_animations=False)
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
        scans = encoded.count(SCAN)
        if encoded.startswith(JPEG) and scans * height * width > MAX_SCANNED_PIXELS:
            return (
                f"has {scans:,} scans of {width:,} x {height:,} pixels, together more than the limit of "
                f"{MAX_SCANNED_PIXELS:,}"
            )
    return "is not a complete JPEG, PNG, GIF or BMP image"
