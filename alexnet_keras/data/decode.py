"""Decode images of any kind within bounds of memory and time, and explain why an image is refused."""

import contextlib
import functools
import importlib.util
import io
import re
import struct

import numpy as np
import tensorflow as tf

from alexnet_keras.data import webp
from alexnet_keras.data.orientation import is_exif, orientation_of, turn_array, upright_by_exif

MAX_PIXELS = 2**26  # 8192 x 8192, 201 MB in RGB: more than the cameras of ImageNet's time, and it fits in memory
MIN_SIDE = 2  # pixels; images with a side of one pixel are tracking pixels or broken thumbnails
# Pixels times scans of a JPEG: 4 seconds at 4 ns a pixel. A progressive photograph has 10 scans, in CMYK 18. 16 scans
# of the largest image fit, and 5,000 of a photograph of ImageNet.
MAX_SCANNED_PIXELS = 2**30
DCT = "INTEGER_ACCURATE"  # TensorFlow's default is faster by 2%, and differs by up to 21 grey levels
EXIF, PNG_EXIF = b"Exif\0\0", b"eXIf"  # what EXIF data follow
MAX_GIF_FRAME = 2**24  # bytes up to the end of the first frame, which take at most 2 seconds if they are empty blocks
HEADER_BYTES = 26  # hold the dimensions in PNG and BMP files
JPEG, GIF = b"\xff\xd8\xff", b"GIF8"
KIND_BYTES = 512  # are enough for `kind_of`
SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp")  # of the kinds that `decode` reads
DECODED = ("JPEG", "PNG", "GIF", "BMP", "WebP")  # the kinds of `kind_of` that `decode` reads
# A text that begins with a tag, behind a declaration of XML and comments.
MARKUP = rb"(?i:(\xef\xbb\xbf)?\s*(<\?xml.*?\?>\s*)?(<!--.*?-->\s*)*(<!doctype\s+|<)%s[\s>])"
SIGNATURES = (  # regular expressions
    (JPEG, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (GIF, "GIF"),
    (b"RIFF....WEBP", "WebP"),
    (b"BM............[\x0c-\x7f]\0\0\0", "BMP"),  # the size of the second header tells it from text
    (b"....ftyp(avi[fs]|mi[fa]1....(....)*?avif)", "AVIF"),
    (b"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIC"),
    (b"II[*+]\0|MM\0[*+]", "TIFF"),
    (b"\0\0\0\x0cJXL |\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"version https://git-lfs", "Git LFS"),
    (MARKUP % b"svg", "SVG"),
    (MARKUP % b"(html|head|body)", "HTML"),
)
INCOMPLETE = "is not a complete JPEG, PNG, GIF, BMP or WebP image"
CONVERT = "image, which is not read: convert it to JPEG or PNG"
# What kinds that are not read are, and what to do, as phrases that follow the name of the file in a message.
UNREAD = {
    "AVIF": f"an AVIF {CONVERT}, for example with Pillow 11.3 or newer",
    "HEIC": f"a HEIC {CONVERT}, for example with Pillow and pillow-heif",
    "TIFF": f"a TIFF or raw camera {CONVERT}, for example with Pillow",
    "JPEG XL": f"a JPEG XL {CONVERT}",
    "JPEG 2000": f"a JPEG 2000 {CONVERT}, for example with Pillow",
    "Photoshop": f"a Photoshop {CONVERT}",
    "PDF": "a PDF document: export its pages as images",
    "Git LFS": "a Git LFS pointer instead of the image: run `git lfs pull` in its repository",
    "SVG": "an SVG drawing: render it as PNG",
    "HTML": "an HTML page, which a server sent instead of the image: download the image again",
}
SCAN = b"\xff\xda\x00"  # the marker of a scan and the upper byte of its length; the decoder rejects lengths above 14
SHORTEST_SCAN = 10  # bytes, without data


def stored_bytes(size: int) -> int:
    """Return the bytes up to which no JPEG of `size` x `size` pixels has too many scans: 164 KB for 256 pixels."""
    return MAX_SCANNED_PIXELS // size**2 * SHORTEST_SCAN


def kind_of(head: bytes) -> str | None:
    """Tell what kind of file begins with `head`, the first `KIND_BYTES` bytes or more.

    Returns:
        One of `DECODED`, a key of `UNREAD`, or `None` for anything else.
    """
    head = head[:KIND_BYTES]
    return next((kind for signature, kind in SIGNATURES if re.match(signature, head, re.DOTALL)), None)


def dimensions(encoded: tf.Tensor) -> tf.Tensor:
    """Read the height and width of a JPEG, PNG or BMP from its header, without decoding it.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        `(2,)` int64; zeros if the bytes do not begin like a JPEG, PNG or BMP.

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
        bmp = tf.stack([number(25, 24, 23, 22), number(21, 20, 19, 18)])
        bmp = tf.minimum(bmp, (1 << 32) - bmp)  # a negative height means that rows go from top to bottom
        sizes = tf.where(starts(b"BM"), bmp, tf.zeros_like(bmp))
        return tf.where(starts(b"\x89PNG"), png, sizes)

    return tf.cond(is_jpeg(encoded), lambda: jpeg_dimensions(encoded), other)


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
        encoded: scalar string, the file's bytes.
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
    """Return whether `decode` turns or mirrors a JPEG; of other kinds, which cameras do not write, `False`."""
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


def _decode_other(encoded: tf.Tensor) -> tf.Tensor:
    size = dimensions(encoded)
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
            height, width, end = _first_frame(encoded)
            _check_size(height, width)
            return tf.io.decode_image(encoded[:end] + b";", channels=3, expand_animations=False).numpy()
        if kind_of(encoded) == "WebP":
            image, exif = _decode_webp(encoded)
        else:
            image, exif = _decode_other(tf.constant(encoded)).numpy(), encoded.partition(PNG_EXIF)[2]
        return turn_array(image, exif) if upright else image
    except (tf.errors.InvalidArgumentError, ValueError, ImportError, OSError) as error:  # the last two are Pillow's
        raise _RefusedError(str(error)) from error


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS or min(height, width) < MIN_SIDE:
        raise ValueError(f"{width} x {height} pixels")


def _decode_webp(encoded: bytes) -> tuple[np.ndarray, bytes]:
    still = webp.first_frame(encoded)
    _check_size(still.height, still.width)
    if hasattr(tf.io, "decode_webp"):  # since TensorFlow 2.21
        pixels = tf.io.decode_image(still.encoded, channels=0, expand_animations=False).numpy()
    else:
        from PIL import Image

        with Image.open(io.BytesIO(still.encoded), formats=["WEBP"]) as opened:
            pixels = np.asarray(opened)
    image = pixels[..., :3]
    if image.shape[:2] != (still.height, still.width):
        image = np.zeros((still.height, still.width, 3), np.uint8)
        image[still.top : still.top + len(pixels), still.left : still.left + pixels.shape[1]] = pixels[..., :3]
    return image, still.exif


def _first_frame(encoded: bytes) -> tuple[int, int, int]:
    """Find the first frame of a GIF behind its palette and its extensions.

    Returns:
        The height and width that the decoder allocates, which is the larger of screen and frame, and where the frame
        ends. Whatever follows must be cut off, because the decoder allocates memory for all frames.

    Raises:
        ValueError: the frame is incomplete, or ends after `MAX_GIF_FRAME` bytes.
    """

    def palette(index: int) -> int:
        return 6 << encoded[index] % 8 if encoded[index] >= 128 else 0

    def behind_blocks(index: int) -> int:
        while encoded[index]:
            index += 1 + encoded[index]
        return index + 1

    encoded = encoded[:MAX_GIF_FRAME]
    try:
        start = 13 + palette(10)
        while encoded[start] == 0x21:  # an extension: this byte, its kind, and blocks
            start = behind_blocks(start + 2)
        (screen, frame) = (struct.unpack_from("<2H", encoded, index) for index in (6, start + 5))
        if encoded[start] == 0x2C:
            width, height = map(max, screen, frame)
            return height, width, behind_blocks(start + 11 + palette(start + 9))
    except (IndexError, struct.error):
        pass
    raise ValueError("the first frame is incomplete")


def why_refused(encoded: bytes) -> str:
    """Return why `decode` refuses an image, as a phrase that follows the image's name in a message."""
    if not encoded:
        return "is empty"
    kind = kind_of(encoded)
    if kind is None:
        return INCOMPLETE
    if kind in UNREAD:
        return f"is {UNREAD[kind]}"
    if kind == "WebP" and not hasattr(tf.io, "decode_webp") and importlib.util.find_spec("PIL") is None:
        return f"is a WebP image, which TensorFlow {tf.__version__} does not read: install Pillow"
    with contextlib.suppress(tf.errors.InvalidArgumentError, ValueError):
        if kind == "WebP":
            still = webp.first_frame(encoded)
            height, width = still.height, still.width
        elif kind == "GIF":
            height, width, _ = _first_frame(encoded)
        else:
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
    return INCOMPLETE
