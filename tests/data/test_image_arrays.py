"""Images are decoded without TensorFlow to the same pixels, and damaged ones are judged by TensorFlow."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support import SHARED_DATA
from support.hostile_images import progressive_jpeg

from alexnet_keras.data import image_arrays, image_files
from alexnet_keras.data.decode import decode
from alexnet_keras.data.image_arrays import decode_array
from alexnet_keras.data.image_files import INCOMPLETE, UNREAD, jpeg_header, why_refused

NOISE = np.random.RandomState(0).randint(0, 256, (12, 15, 3), np.uint8)
RGB = Image.fromarray(NOISE).resize((53, 41), Image.Resampling.BICUBIC)
GREY, RGBA = RGB.convert("L"), RGB.convert("RGBA")
RGBA.putalpha(GREY)
TURNED = Image.Exif()
TURNED[0x0112] = 6


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows: bytes, color: int = 2, width: int = 2, height: int = 2, palette: bytes = b"", passes: int = 0) -> bytes:
    """Write the rows of a PNG, each behind the number of its filter."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, color, 0, 0, passes))
    palette = chunk(b"PLTE", palette) if palette else b""
    return image_files.PNG + header + palette + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# Each image as its file, and whether it is decoded without TensorFlow.
JPEGS = {
    f"{image.mode} JPEG {options}": (encode(image, "JPEG", **options), True)
    for image in (RGB, GREY)
    for options in (
        {"quality": 95, "subsampling": 0},
        {"subsampling": 1},
        {"subsampling": 2, "optimize": True},
        {"progressive": True},
        {"restart_marker_blocks": 3},
        {"exif": TURNED, "icc_profile": b"p" * 70_000, "comment": b"c"},
    )
}
KINDS = {
    **JPEGS,
    "JPEG without a change of colours": (encode(RGB, "JPEG", keep_rgb=True), True),
    "CMYK JPEG": (encode(RGB.convert("CMYK"), "JPEG"), False),
    "JPEG with bytes behind it": (encode(RGB, "JPEG") + b"more", True),
    "PNG": (encode(RGB, "PNG"), True),
    "PNG with data about it": (encode(RGB, "PNG", exif=TURNED, icc_profile=b"p" * 500, dpi=(72, 72)), True),
    "PNG with a transparent colour": (encode(RGB, "PNG", transparency=(1, 2, 3)), True),
    "grey PNG": (encode(GREY, "PNG"), True),
    "PNG with alpha": (encode(RGBA, "PNG"), True),
    "grey PNG with alpha": (encode(RGBA.convert("LA"), "PNG"), True),
    **{f"PNG of {count} colours": (encode(RGB.quantize(count), "PNG"), True) for count in (2, 3, 10, 64)},
    "PNG of transparent colours": (encode(RGB.quantize(200), "PNG", transparency=bytes(range(200))), True),
    "PNG with a colour beyond its palette": (png(b"\0\0\1\0\1\2", color=3, palette=b"abcdef"), False),
    "PNG of 16 bits": (encode(GREY.convert("I;16"), "PNG"), False),
    "PNG of 1 bit": (encode(GREY.convert("1"), "PNG"), False),
    "interlaced PNG": (png(b"\0abc\0def\0ghijkl", passes=1), False),
    "animated PNG": (encode(RGB, "PNG", save_all=True, append_images=[GREY.convert("RGB")]), True),
    "lossless WebP": (encode(RGBA, "WEBP", lossless=True, exact=True, exif=TURNED), True),
    "WebP": (encode(RGB, "WEBP", quality=70), True),
    "animated WebP": (encode(RGB, "WEBP", save_all=True, append_images=[RGB.rotate(180)]), True),
    "GIF": (encode(RGB.quantize(64), "GIF"), False),
    "BMP": (encode(RGB, "BMP"), False),
}


def by_tensorflow(encoded: bytes, upright: bool = True) -> np.ndarray | None:
    """What `decode` computes; `None` if it refuses the image."""
    try:
        return decode(tf.constant(encoded), upright).numpy()
    except tf.errors.InvalidArgumentError:
        return None


@pytest.fixture
def asked(monkeypatch):
    """The images that TensorFlow is asked to decode."""
    images, ask = [], image_arrays._by_tensorflow
    monkeypatch.setattr(image_arrays, "_by_tensorflow", lambda *given: (images.append(given[0]), ask(*given))[1])
    return images


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_gives_the_same_pixels(kind, asked):
    encoded, without_tensorflow = KINDS[kind]
    for upright in (True, False):
        expected = by_tensorflow(encoded, upright)
        if expected is None:
            with pytest.raises(ValueError, match=INCOMPLETE):
                decode_array(encoded, upright)
        else:
            pixels = decode_array(encoded, upright)
            assert (pixels.dtype, pixels.flags.c_contiguous) == (np.uint8, True)
            np.testing.assert_array_equal(pixels, expected)
    assert len(asked) == (0 if without_tensorflow else 2)


def test_photographs_give_the_same_pixels(asked):
    paths = sorted((SHARED_DATA / "imagenet_samples").glob("*.JPEG"))
    if not paths:
        pytest.skip("the samples of ImageNet are not on this machine")
    for path in paths:
        np.testing.assert_array_equal(decode_array(path.read_bytes()), by_tensorflow(path.read_bytes()))
    assert len(asked) < len(paths) / 10


def mutant(content: bytes, random: np.random.RandomState) -> bytes:
    """Damage a file; the checksums of a PNG are right again, as if the damage were meant."""
    place, kind = random.randint(len(content)), random.randint(5)
    damaged = [
        content[:place],
        content[:place] + bytes([255, random.randint(256)]) + content[place + 2 :],
        content[:place] + random.bytes(5) + content[place:],
        content[:place] + bytes([content[place] ^ 1 << random.randint(8)]) + content[place + 1 :],
        content[:place] + content[place + random.randint(1, 9) :],
    ][kind]
    if not damaged.startswith(image_files.PNG):
        return damaged
    chunks, start = [], len(image_files.PNG)
    while start < len(damaged):
        end = start + 8 + int.from_bytes(damaged[start : start + 4], "big")
        chunks.append(chunk(damaged[start + 4 : start + 8], damaged[start + 8 : end]))
        start = end + 4
    return image_files.PNG + b"".join(chunks)


def test_what_is_decoded_without_tensorflow_is_what_tensorflow_decodes(asked):
    random = np.random.RandomState(1)
    files = [encoded for encoded, without_tensorflow in KINDS.values() if without_tensorflow]
    decoded = 0
    for index in range(350):
        damaged = mutant(files[index % len(files)], random)
        expected = by_tensorflow(damaged)
        if expected is None:
            with pytest.raises(ValueError, match=re.escape(why_refused(damaged))):
                decode_array(damaged)
        else:
            asked.clear()
            np.testing.assert_array_equal(decode_array(damaged), expected)
            decoded += not asked
    assert decoded > 70


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"", "is empty"),
        (b"<html>", f"is {UNREAD['HTML']}"),
        (b"no image", INCOMPLETE),
        (progressive_jpeg((4096, 4096), scans=65), "has 65 scans of 4,096 x 4,096 pixels, together more than the"),
        (png(b"", width=10_000, height=10_000), "has 10,000 x 10,000 pixels, more than the limit of 67,108,864"),
        (png(b"\0abc\0abc", width=1), "has 1 x 2 pixels, and each side needs at least 2"),
        (png(b"\0abcdef" * 2)[:-4] + b"abcd", INCOMPLETE),  # a wrong checksum
        (png(b"\0abcdef" * 2) + b"more", None),
        (png(b"\0abcdef\5abcdef"), INCOMPLETE),  # there are five filters, from 0
        (png(b"\0abcdef\0abc"), INCOMPLETE),
        (image_files.PNG + chunk(b"IHDR", bytes(12)) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), INCOMPLETE),
        (encode(RGB, "JPEG")[:-2], INCOMPLETE),
        (encode(RGB, "JPEG")[:200], INCOMPLETE),
    ],
)
def test_bounds_and_messages_are_those_of_tensorflow(encoded, message):
    expected = by_tensorflow(encoded)
    if message is None:
        np.testing.assert_array_equal(decode_array(encoded), expected)
    else:
        assert expected is None
        with pytest.raises(ValueError, match=message):
            decode_array(encoded)


def test_the_segments_of_a_jpeg_are_bounded():
    """A file of 256 MiB could have 64 million of them."""
    many = b"\xff\xd8" + b"\xff\xfe\0\2" * (image_files.MAX_SEGMENTS + 1) + encode(RGB, "JPEG")[2:]
    with pytest.raises(ValueError, match="a segment is damaged"):
        jpeg_header(many)
    np.testing.assert_array_equal(decode_array(many), by_tensorflow(many))


def test_the_pixels_of_a_png_take_no_more_memory_than_its_header_says():
    bomb = png(bytes(2**24))
    pixels = by_tensorflow(bomb)
    assert len(bomb) < 2**15
    if pixels is None:
        with pytest.raises(ValueError, match=INCOMPLETE):
            decode_array(bomb)
    else:
        np.testing.assert_array_equal(decode_array(bomb), pixels)
