"""Decode images by Pillow, without TensorFlow, whose import takes seconds."""

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from alexnet_keras.data import webp
from alexnet_keras.data.image_files import (
    EXIF,
    MAX_SCANNED_PIXELS,
    MAX_SEGMENTS,
    PNG,
    PNG_EXIF,
    SCAN,
    UNREAD,
    check_size,
    jpeg_header,
    jpeg_segments,
    kind_of,
    why_refused,
)
from alexnet_keras.data.orientation import turn_array

# Colours at full, half and quarter resolution. Versions of libjpeg interpolate those of other kinds differently.
SAMPLINGS = {(first, *others) for first in (0x11, 0x21, 0x22) for others in ((), (0x11, 0x11))}
# The mode of Pillow, one letter for each channel, by colour type and bits.
PNG_MODES = {(0, 8): "L", (2, 8): "RGB", (4, 8): "LA", (6, 8): "RGBA", **{(3, bits): "P" for bits in (1, 2, 4, 8)}}
CHUNKS = re.compile(rb"IHDR([a-z][a-zA-Z]{3})*(PLTE)?([a-z][a-zA-Z]{3})*(IDAT)+([a-z][a-zA-Z]{3})*IEND")
LONGEST_SIDE = 1_000_000  # pixels that libpng reads
FILTERS = 5  # of the rows of a PNG


def decode_array(encoded: bytes, upright: bool = True) -> np.ndarray:
    """Compute the pixels of `decode.decode`, without TensorFlow if the image is a common JPEG, PNG or WebP.

    Pillow is less strict with damaged files than TensorFlow, so it gets only files whose structure is right. Of the
    others, TensorFlow decides what is decoded and what is refused.

    Raises:
        ValueError: the image is refused; the message is that of `why_refused`.
    """
    kind = kind_of(encoded)
    if not encoded or kind in UNREAD:
        raise ValueError(why_refused(encoded))
    try:
        image, exif = {"JPEG": _decode_jpeg, "PNG": _decode_png, "WebP": decode_webp}[kind or ""](encoded)
    except (KeyError, ValueError, OSError, zlib.error):
        return _by_tensorflow(encoded, upright)
    return turn_array(image, exif) if upright else np.ascontiguousarray(image)


def _by_tensorflow(encoded: bytes, upright: bool) -> np.ndarray:
    import tensorflow as tf

    from alexnet_keras.data.decode import decode

    try:
        return decode(tf.constant(encoded), upright).numpy()
    except tf.errors.OpError as error:
        raise ValueError(why_refused(encoded)) from error


def _check(is_plain: bool) -> None:
    if not is_plain:
        raise ValueError("the file is not one of the kinds that Pillow decodes as TensorFlow does")


def _decode_jpeg(encoded: bytes) -> tuple[np.ndarray, bytes]:
    height, width, sampling = jpeg_header(encoded)
    check_size(height, width)
    _check(sampling in SAMPLINGS and height * width * encoded.count(SCAN) <= MAX_SCANNED_PIXELS)
    for _ in jpeg_segments(encoded):  # raises an error if the end is missing
        pass
    mode = "L" if len(sampling) == 1 else "RGB"
    image = Image.frombytes(mode, (width, height), encoded, "jpeg", mode, "")
    return _rgb(image), encoded.partition(SCAN)[0].partition(EXIF)[2]


def _decode_png(encoded: bytes) -> tuple[np.ndarray, bytes]:
    chunks = list(_chunks(encoded))
    _check(CHUNKS.fullmatch(b"".join(name for name, _ in chunks)) is not None and len(chunks[0][1]) == 13)
    width, height, bits, color, *methods = struct.unpack(">2I5B", chunks[0][1])
    check_size(height, width)
    _check((color, bits) in PNG_MODES and methods == [0, 0, 0] and max(height, width) <= LONGEST_SIDE)
    mode = PNG_MODES[color, bits]
    row, inflater = 1 + (width * len(mode) * bits + 7) // 8, zlib.decompressobj()
    rows = inflater.decompress(b"".join(data for name, data in chunks if name == b"IDAT"), height * row + 1)
    _check(inflater.eof and not inflater.unused_data and len(rows) == height * row and max(rows[::row]) < FILTERS)
    raw_mode = mode if bits == 8 else f"{mode};{bits}"
    image = Image.frombytes(mode, (width, height), zlib.compress(rows, 0), "zip", raw_mode, 0)
    exif = encoded.partition(PNG_EXIF)[2]
    if mode != "P":
        return _rgb(image), exif
    palette, indices = np.frombuffer(dict(chunks).get(b"PLTE", b""), np.uint8).reshape(-1, 3), np.array(image)
    _check(indices.max() < len(palette))
    return palette[indices], exif


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of all chunks of a PNG, and check their checksums."""
    start = len(PNG)
    for _ in range(MAX_SEGMENTS):
        end = start + 8 + int.from_bytes(png[start : start + 4], "big")
        name, data = png[start + 4 : start + 8], png[start + 8 : end]
        _check(png[end : end + 4] == zlib.crc32(data, zlib.crc32(name)).to_bytes(4, "big"))
        yield name, data
        start = end + 4
        if start == len(png):
            return
    _check(False)


def webp_frame(encoded: bytes) -> np.ndarray:
    """Decode a WebP that is no animation, `(H, W, 3)` uint8.

    Raises:
        ValueError, OSError: it is damaged.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as opened:
            return _rgb(opened)
    except EOFError as error:
        raise ValueError("the first frame is damaged") from error


def decode_webp(encoded: bytes, decode_frame: Callable[[bytes], np.ndarray] = webp_frame) -> tuple[np.ndarray, bytes]:
    """Decode the first frame of a WebP to `(H, W, 3)` uint8, and find its EXIF data.

    Raises:
        ValueError: it is damaged, or its size exceeds a bound; or whatever `decode_frame` raises.
    """
    still = webp.first_frame(encoded)
    check_size(still.height, still.width)
    pixels = decode_frame(still.encoded)
    if pixels.shape[:2] == (still.height, still.width):
        return pixels, still.exif
    image = np.zeros((still.height, still.width, 3), np.uint8)
    image[still.top : still.top + len(pixels), still.left : still.left + pixels.shape[1]] = pixels
    return image, still.exif


def _rgb(image: Image.Image) -> np.ndarray:
    pixels = np.array(image).reshape(image.height, image.width, -1)
    return pixels[..., :3] if pixels.shape[2] > 2 else np.repeat(pixels[..., :1], 3, axis=2)
