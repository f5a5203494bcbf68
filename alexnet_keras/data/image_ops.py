"""One function for each step from an encoded image to a crop (sections 2 and 4.1 of the paper).

    encoded  scalar string       the bytes of a JPEG, PNG, GIF, BMP or WebP
    decoded  (H, W, 3) uint8     `decode` makes it; `resize_and_crop` makes it a square, 256 x 256 if not said otherwise
    crop     (size, size, 3)     `center_crop` and `ten_crops` for evaluation; `crop_and_flip` for training

Training goes from an encoded image to its crop in one function, `crop_encoded` or `crop_stored_jpeg`, which computes no
pixel outside the crop. All functions on tensors work eagerly and inside tf.data.

A random resized crop is a window of the stored image that is resized to the size of the crop. Photographs are resized
twice for it, to the stored size and to that of the crop, so that files, shards and images in memory have equal pixels.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data.compiled_resize import rescaled_crop, resized
from alexnet_keras.data.crop_windows import center_corner
from alexnet_keras.data.decode import DCT, decode, has_exif, is_jpeg, jpeg_dimensions, stored_bytes


def resize_and_crop(image: tf.Tensor, size: int = STORED_SIZE) -> tf.Tensor:
    """Resize the shorter side to `size` pixels, then crop the centre (section 2).

    Resizing is bilinear, with a filter that widens when it shrinks the image, so that fine detail does not alias. Only
    the pixels of the crop are computed, so an image of 1 x 5000 pixels needs no more memory than any other. Exports
    contain this function, so it consists of TensorFlow's own operators; pipelines use `crop_encoded`, which is faster.
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
    """Rescale `(H, C)` rows and return `count` of them from row `corner` on, `(count, C)` float32.

    The kernel's inner loop runs over channels. The columns of the image serve as channels of an image one pixel wide,
    because three channels would leave the kernel idle for most of the time.
    """
    return tf.raw_ops.ScaleAndTranslate(
        images=rows[tf.newaxis, :, tf.newaxis],
        size=(count, 1),
        scale=tf.stack([scale, 1.0]),
        translation=tf.stack([-corner, 0.0]),
        kernel_type="triangle",
        antialias=True,
    )[0, :, 0]


def center_crop(image: tf.Tensor, size: int) -> tf.Tensor:
    """Return the central `(size, size, 3)` crop of an image."""
    offset = center_corner(tf.shape(image)[:2], size)
    return tf.slice(image, [offset[0], offset[1], 0], [size, size, 3])


def flip(images: tf.Tensor) -> tf.Tensor:
    """Flip one image or several, `(..., H, W, 3)`, horizontally."""
    return tf.reverse(images, axis=[-2])


def ten_crops(image: tf.Tensor, size: int) -> tf.Tensor:
    """Crop the four corners and the centre of an image, and flip each of these crops (section 4.1).

    Returns:
        `(10, size, size, 3)`, the dtype of `image`: five crops, then the same five flipped.
    """
    corners = [image[:size, :size], image[:size, -size:], image[-size:, :size], image[-size:, -size:]]
    crops = tf.stack([*corners, center_crop(image, size)])
    return tf.concat([crops, flip(crops)], axis=0)


def crop_encoded(
    encoded: tf.Tensor,
    offset: tf.Tensor,
    flipped: tf.Tensor,
    size: int,
    upright: bool = True,
    stored_size: int = STORED_SIZE,
    shape: tf.Tensor | None = None,
) -> tf.Tensor:
    """Decode an image of any size, resize it as `resize_and_crop` does, crop it and flip it.

    Only the pixels of the crop are computed. A JPEG of the stored size takes the shorter way of `crop_stored_jpeg`.
    Any other image is decoded as a whole, so that a truncated file is always an error. Decoding at half the resolution
    would be faster, but it changes pixels by 2 grey levels on average and by up to 77.

    Args:
        offset: `(2,)` int32, top and left edge of the crop in the resized image.
        flipped: scalar bool, whether to reverse left and right.
        size: side of the crop in pixels, at most `stored_size`.
        shape: `(2,)` int32, height and width of the crop in the resized image, before it is resized to `size` x `size`;
            `None` for a crop that is not.

    Returns:
        `(size, size, 3)` uint8, 0..255. Where the resized value lies within 1e-5 of a half, it may be rounded
        differently than by `resize_and_crop`: 7 in 100,000 values differ by one grey level.

    Raises:
        tf.errors.InvalidArgumentError: `decode` refuses the image.
    """

    def has_stored_size() -> tf.Tensor:
        fits = tf.reduce_all(jpeg_dimensions(encoded) == stored_size)
        return fits & ~has_exif(encoded) if upright else fits

    is_small = is_jpeg(encoded) & (tf.strings.length(encoded) <= stored_bytes(stored_size))
    stored = tf.cond(is_small, has_stored_size, lambda: tf.constant(False))
    return tf.cond(
        stored,
        lambda: crop_stored_jpeg(encoded, offset, flipped, size, stored_size, shape, whole=True),
        lambda: _resize_crop_and_flip(decode(encoded, upright), offset, flipped, size, stored_size, shape),
    )


def _resize_crop_and_flip(
    image: tf.Tensor, offset: tf.Tensor, flipped: tf.Tensor, size: int, stored_size: int, shape: tf.Tensor | None
) -> tf.Tensor:
    def compute(image: np.ndarray, offset: np.ndarray, flipped: np.ndarray, *shape: np.ndarray) -> np.ndarray:
        if not shape:
            return rescaled_crop(image, stored_size, offset, size, bool(flipped))
        return resized(rescaled_crop(image, stored_size, offset, shape[0]), size, bool(flipped))

    return _by_numpy(compute, [image, offset, flipped, shape], (size, size, 3))


def _by_numpy(
    compute: Callable[..., np.ndarray], inputs: Sequence[tf.Tensor | None], shape: tuple[int | None, ...]
) -> tf.Tensor:
    given = [value for value in inputs if value is not None]
    return tf.ensure_shape(tf.numpy_function(compute, given, tf.uint8, stateful=False), shape)


def crop_stored_jpeg(
    encoded: tf.Tensor,
    offset: tf.Tensor,
    flipped: tf.Tensor,
    size: int,
    stored_size: int = STORED_SIZE,
    shape: tf.Tensor | None = None,
    whole: bool = False,
) -> tf.Tensor:
    """Decode, crop and flip a JPEG of the stored size: `crop_encoded` without its look at the header.

    Only the crop and one column at either side are decoded. The decoder interpolates colours between columns, so
    without their neighbors the outermost columns would differ from those of the whole image.

    Args:
        encoded: scalar string, the bytes of the JPEG.
        offset, flipped, size, stored_size, shape: as in `crop_encoded`.
        whole: whether to read the rows below the crop, too, so that damage there is an error as it is in `decode`. It
            takes 4 to 9% more time. Shards have checksums instead.
    """
    height, width = (size, size) if shape is None else tf.unstack(shape, 2)
    left = tf.maximum(offset[1] - 1, 0)
    right = tf.minimum(offset[1] + width + 1, stored_size)
    window = tf.stack([offset[0], left, stored_size - offset[0] if whole else height, right - left])
    columns = tf.io.decode_and_crop_jpeg(encoded, window, channels=3, dct_method=DCT)
    crop = tf.slice(columns, [0, offset[1] - left, 0], [height, width, 3])
    if shape is not None:
        return _by_numpy(lambda crop, flipped: resized(crop, size, bool(flipped)), [crop, flipped], (size, size, 3))
    return tf.reverse(crop, tf.range(1, 1 + tf.cast(flipped, tf.int32)))  # along axis 1 or none: cheaper than tf.cond


def crop_and_flip(
    images: tf.Tensor, offsets: tf.Tensor, flipped: tf.Tensor, size: int, shapes: tf.Tensor | None = None
) -> tf.Tensor:
    """Crop and flip a batch of decoded images by NumPy, in a fifth of the time of TensorFlow's operators.

    Args:
        offsets: `(B, 2)` int32, top and left edge of each crop, which must lie within the image.
        shapes: `(B, 2)` int32, height and width of each crop before it is resized to `size` x `size`; `None` for crops
            that are not.
    """
    compute = functools.partial(crop_and_flip_arrays, size=size)
    return _by_numpy(compute, [images, offsets, flipped, shapes], (None, size, size, 3))


def crop_and_flip_arrays(
    images: np.ndarray, offsets: np.ndarray, flipped: np.ndarray, shapes: np.ndarray | None = None, *, size: int
) -> np.ndarray:
    """Return the `(B, size, size, 3)` crops of `crop_and_flip`, from NumPy arrays."""
    crops = np.empty((len(images), size, size, 3), np.uint8)
    if shapes is not None:
        windows = np.concatenate([offsets, shapes], axis=1)
        for crop, image, (top, left, height, width), reverse in zip(crops, images, windows, flipped, strict=True):
            crop[:] = resized(image[top : top + height, left : left + width], size, bool(reverse))
        return crops
    for crop, image, (top, left), reverse in zip(crops, images, offsets, flipped, strict=True):
        window = image[top : top + size, left : left + size]
        if not reverse:
            crop[:] = window
            continue
        for channel in range(3):  # 46 us an image; all channels at once take 225 us, in an inner loop of length three
            crop[..., channel] = window[:, ::-1, channel]
    return crops


def shift_colors(images: tf.Tensor, shifts: tf.Tensor, mean: Sequence[float], divisor: float = 1.0) -> tf.Tensor:
    """Add a colour to each image, then divide its distance from the mean colour.

    Nothing is rounded or clipped, since that would change dark and bright images less than others. The result may
    therefore lie outside 0..255.

    Args:
        shifts: `(B, 3)` float32, red, green and blue in units of 0..255.
        divisor: divides the distance from the mean; 1 leaves the distance as it is.

    Returns:
        `(B, H, W, 3)` float32: `(images + shifts - mean) / divisor + mean`.
    """
    shifts = shifts / divisor + tf.constant(mean, tf.float32) * (1 - 1 / divisor)
    return _scale_and_shift(images, tf.constant(1 / divisor, tf.float32), shifts)


@tf.function(jit_compile=True)  # one pass over the memory instead of three
def _scale_and_shift(images: tf.Tensor, scale: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) * scale + shifts[:, tf.newaxis, tf.newaxis]
