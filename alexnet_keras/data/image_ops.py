"""Pure tensor functions on images (section 2 and section 4.1). They work eagerly and inside tf.data alike."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data.compiled_resize import rescaled_crop
from alexnet_keras.data.decode import _decode, _is_jpeg, dimensions


def resize_and_crop(image: tf.Tensor, size: int = STORED_SIZE) -> tf.Tensor:
    """Rescale the shorter side to `size`, then cut the central square (section 2).

    Both in one operation, which computes only the pixels that the square keeps: a picture of 1 x 5000 pixels costs no
    more memory than any other. Bilinear, with the filter widened when it shrinks, so that fine detail does not alias.
    One direction at a time, and what lies across it as the channels of an image one pixel wide: the kernel's inner loop
    runs over channels, and three of them leave it idle for most of the time. Made of TensorFlow's own operators, so
    that exports can have it; pipelines take `resize_and_cut`, which is quicker.

    Args:
        image: `(H, W, 3)` uint8, 0..255.
        size: side of the result in pixels.

    Returns:
        `(size, size, 3)` uint8, 0..255.
    """
    sides = tf.cast(tf.shape(image)[:2], tf.float32)
    resized = tf.round(sides * (size / tf.reduce_min(sides)))  # the shorter side is exactly `size`
    scale = resized / sides
    corner = tf.floor((resized - size) / 2)
    reach = tf.maximum(1.0, 1 / scale) + 1  # of the triangle, in pixels of the image
    first = tf.maximum(tf.floor(corner / scale - reach), 0)
    last = tf.minimum(tf.math.ceil((corner + size) / scale + reach), sides)
    top, left, bottom, right = tf.unstack(tf.cast(tf.concat([first, last], axis=0), tf.int32))
    image, corner = image[top:bottom, left:right], corner - first * scale
    rows = _rescale_rows(tf.reshape(image, (bottom - top, (right - left) * 3)), scale[0], corner[0], size)
    columns = tf.transpose(tf.reshape(rows, (size, right - left, 3)), (1, 0, 2))
    columns = _rescale_rows(tf.reshape(columns, (right - left, size * 3)), scale[1], corner[1], size)
    pixels = tf.transpose(tf.reshape(columns, (size, size, 3)), (1, 0, 2))
    return tf.saturate_cast(tf.round(pixels), tf.uint8)


def _rescale_rows(rows: tf.Tensor, scale: tf.Tensor, corner: tf.Tensor, count: int) -> tf.Tensor:
    """`(H, C)` -> `(count, C)` float32, from the place `corner` of the rescaled rows on."""
    return tf.raw_ops.ScaleAndTranslate(
        images=rows[tf.newaxis, :, tf.newaxis],
        size=(count, 1),
        scale=tf.stack([scale, 1.0]),
        translation=tf.stack([-corner, 0.0]),
        kernel_type="triangle",
        antialias=True,
    )[0, :, 0]


def resize_and_cut(image: tf.Tensor, offset: tf.Tensor, flipped: tf.Tensor, size: int) -> tf.Tensor:
    """`flip` of `crop` of `resize_and_crop(image)`, and no more of it computed; not for exports.

    Args:
        image: `(H, W, 3)` uint8, 0..255.
        offset: `(2,)` int32, top and left edge of the square in the central 256 x 256 pixels.
        mirrored: scalar bool, whether to reverse left and right.
        size: side of the square in pixels.

    Returns:
        `(size, size, 3)` uint8, 0..255; 7 in 100,000 differ by one grey level, where a sum ends beside a half.
    """

    def cut(image: np.ndarray, offset: np.ndarray, flipped: np.ndarray) -> np.ndarray:
        return rescaled_crop(image, STORED_SIZE, offset, size, bool(flipped))

    square = tf.numpy_function(cut, [image, offset, flipped], tf.uint8, stateful=False)
    return tf.ensure_shape(square, (size, size, 3))


def crop(image: tf.Tensor, offset: tf.Tensor, size: int) -> tf.Tensor:
    """Cut a square out of an image.

    Args:
        image: `(H, W, 3)`, any dtype.
        offset: `(2,)` int32, top and left edge of the square, which must lie within the image.
        size: side of the square in pixels.

    Returns:
        `(size, size, 3)`, the dtype of `image`.
    """
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


def ten_crops(image: tf.Tensor, size: int) -> tf.Tensor:
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


def flip(image: tf.Tensor, flipped: tf.Tensor) -> tf.Tensor:
    """Reverse left and right, if asked to.

    Args:
        image: `(H, W, 3)`, any dtype.
        mirrored: scalar bool.
    """
    return tf.reverse(image, tf.range(1, 1 + tf.cast(flipped, tf.int32)))  # axis 1 or none: a tf.cond costs more


def crop_encoded(encoded: tf.Tensor, offset: tf.Tensor, flipped: tf.Tensor, size: int) -> tf.Tensor:
    """`flip` of `crop` of `resize_and_crop` of `decode`, with less work.

    A JPEG of 256 x 256 pixels goes to `crop_stored`. A larger photograph is decoded whole, lest a truncated one pass
    until a crop meets its end; only the square is resized. The decoder's own reduction to a half would be quicker and
    is not used: it moves pixels by 2 grey levels in the mean, and by up to 77.

    Args:
        encoded: scalar string, the file's bytes.
        offset: `(2,)` int32, top and left edge of the square in the stored 256 x 256 pixels.
        mirrored: scalar bool, whether to reverse left and right.
        size: side of the square in pixels.

    Returns:
        `(size, size, 3)` uint8, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no picture, or a truncated one.
    """
    sides = dimensions(encoded)

    return tf.cond(
        tf.logical_and(_is_jpeg(encoded), tf.reduce_all(sides == STORED_SIZE)),
        lambda: crop_stored(encoded, offset, flipped, size),
        lambda: resize_and_cut(_decode(encoded, sides), offset, flipped, size),
    )


def crop_stored(encoded: tf.Tensor, offset: tf.Tensor, flipped: tf.Tensor, size: int) -> tf.Tensor:
    """`crop_encoded` of what is known to be a JPEG of 256 x 256 pixels.

    Only the square is decoded, and a column at either side: the decoder interpolates colours between columns, so that
    the outermost would come out otherwise.
    """
    left = tf.maximum(offset[1] - 1, 0)
    right = tf.minimum(offset[1] + size + 1, STORED_SIZE)
    window = tf.stack([offset[0], left, size, right - left])
    columns = tf.io.decode_and_crop_jpeg(encoded, window, channels=3)
    return flip(tf.slice(columns, [0, offset[1] - left, 0], [size, size, 3]), flipped)


def crop_and_flip(images: tf.Tensor, offsets: tf.Tensor, flipped: tf.Tensor, size: int) -> tf.Tensor:
    """`crop`, then `flip`, for a whole batch: a fifth of what TensorFlow's operators take, which copy twice.

    Args:
        images: `(B, H, W, 3)` uint8.
        offsets: `(B, 2)` int32, top and left edge of each square.
        mirrored: `(B,)` bool.
        size: side of the squares in pixels.

    Returns:
        `(B, size, size, 3)` uint8.
    """
    cut = functools.partial(crop_and_flip_arrays, size=size)
    squares = tf.numpy_function(cut, [images, offsets, flipped], tf.uint8, stateful=False)
    return tf.ensure_shape(squares, (None, size, size, 3))


def crop_and_flip_arrays(images: np.ndarray, offsets: np.ndarray, flipped: np.ndarray, size: int) -> np.ndarray:
    """`crop_and_flip` by NumPy."""
    squares = np.empty((len(images), size, size, 3), np.uint8)
    for square, image, (top, left), reverse in zip(squares, images, offsets, flipped, strict=True):
        window = image[top : top + size, left : left + size]
        if not reverse:
            square[:] = window
            continue
        for channel in range(3):  # 46 us an image; the three at once have an inner loop of three, and take 225
            square[..., channel] = window[:, ::-1, channel]
    return squares


def shift_colors(images: tf.Tensor, shifts: tf.Tensor, mean: Sequence[float], divisor: float = 1.0) -> tf.Tensor:
    """Add a colour to each image, then draw it nearer to the mean colour.

    Nothing is rounded or clipped, which would make dark and bright images move less than others: results may lie
    outside 0..255.

    Args:
        images: `(B, H, W, 3)`, any dtype, 0..255.
        shifts: `(B, 3)` float32, red, green and blue in units of 0..255.
        mean: red, green and blue, 0..255.
        divisor: of the distance from the mean; 1 leaves it as it is.

    Returns:
        `(B, H, W, 3)` float32: `(images + shifts - mean) / divisor + mean`.
    """
    shifts = shifts / divisor + tf.constant(mean, tf.float32) * (1 - 1 / divisor)
    return _scale_and_shift(images, tf.constant(1 / divisor, tf.float32), shifts)


@tf.function(jit_compile=True)  # one pass over the memory instead of three, which are what it costs
def _scale_and_shift(images: tf.Tensor, scale: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) * scale + shifts[:, tf.newaxis, tf.newaxis]
