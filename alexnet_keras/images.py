"""Pure tensor functions on one image (section 2 and section 4.1). They work eagerly and inside tf.data alike."""

import tensorflow as tf

from alexnet_keras.config import STORED_SIZE


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF (first frame) or BMP of any kind into RGB.

    Greyscale is repeated, CMYK and palettes are converted, alpha is dropped, 16 bits are cut to 8.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(H, W, 3)` uint8, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no picture, or a truncated one.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return image


def resize_and_crop(image: tf.Tensor, size: int = STORED_SIZE) -> tf.Tensor:
    """Rescale the shorter side to `size`, then cut the central square (section 2).

    Both in one operation, which computes only the pixels that the square keeps: a picture of 1 x 5000 pixels costs no
    more memory than any other. Bilinear, with the filter widened when it shrinks, so that fine detail does not alias.

    Args:
        image: `(H, W, 3)` uint8, 0..255.
        size: side of the result in pixels.

    Returns:
        `(size, size, 3)` uint8, 0..255.
    """
    sides = tf.cast(tf.shape(image)[:2], tf.float32)
    shorter = tf.reduce_min(sides)
    resized = tf.round(sides * (size / shorter))  # the shorter side is exactly `size`
    offset = tf.floor((resized - size) / 2)
    pixels = tf.raw_ops.ScaleAndTranslate(
        images=image[tf.newaxis],
        size=(size, size),
        scale=resized / sides,
        translation=-offset,
        kernel_type="triangle",
        antialias=True,
    )[0]
    pixels = tf.saturate_cast(tf.round(pixels), tf.uint8)
    return tf.ensure_shape(pixels, (size, size, 3))


def random_crop(image: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Cut a random square out of an image (section 4.1); every offset from 0 to `side - size`, both ends included.

    Args:
        image: `(H, W, 3)`, any dtype, with `min(H, W) >= size`.
        size: side of the square in pixels.
        seed: `(2,)` integer; the same seed gives the same square.

    Returns:
        `(size, size, 3)`, the dtype of `image`.
    """
    limit = tf.shape(image)[:2] - size + 1
    offset = tf.random.stateless_uniform((2,), seed, minval=0, maxval=2**31 - 1, dtype=tf.int32) % limit
    return tf.slice(image, [offset[0], offset[1], 0], [size, size, 3])


def centre_crop(image: tf.Tensor, size: int) -> tf.Tensor:
    """Cut the central square out of an image.

    Args:
        image: `(H, W, 3)`, any dtype, with `min(H, W) >= size`.
        size: side of the square in pixels.

    Returns:
        `(size, size, 3)`, the dtype of `image`.
    """
    offset = (tf.shape(image)[:2] - size) // 2
    return tf.slice(image, [offset[0], offset[1], 0], [size, size, 3])


def ten_views(image: tf.Tensor, size: int) -> tf.Tensor:
    """The squares in the four corners and the centre, then their mirror images (section 4.1).

    Args:
        image: `(H, W, 3)`, any dtype, with `min(H, W) >= size`.
        size: side of the squares in pixels.

    Returns:
        `(10, size, size, 3)`, the dtype of `image`.
    """
    corners = [image[:size, :size], image[:size, -size:], image[-size:, :size], image[-size:, -size:]]
    views = tf.stack([*corners, centre_crop(image, size)])
    return tf.concat([views, tf.reverse(views, axis=[2])], axis=0)


def random_mirror(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Reverse left and right with a probability of one half (section 4.1).

    Args:
        image: `(H, W, 3)`, any dtype.
        seed: `(2,)` integer; the same seed gives the same decision.
    """
    mirrored = tf.random.stateless_uniform((), seed) < 0.5
    return tf.cond(mirrored, lambda: tf.reverse(image, axis=[1]), lambda: image)
