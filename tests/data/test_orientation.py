"""Images of every kind are turned upright as their EXIF data say, and damaged data turn nothing."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from support.encoded_images import SMOOTH, encode

from alexnet_keras.data.decode import decode, decode_in_graph

EXIF_KINDS = {
    "JPEG": {"quality": 95},
    "JPEG with a profile": {"icc_profile": b"p" * 100_000, "comment": b"before"},
    "PNG": {},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", EXIF_KINDS)
def test_images_are_turned_upright(kind, order):
    for orientation in range(10):  # 0 and 9 mean nothing
        exif = Image.Exif()
        exif.endian = order
        exif[0x010F], exif[0x0112], exif[0x0131] = "A camera", orientation, "A program"
        encoded = encode(kind.split()[0], SMOOTH, exif=exif, **EXIF_KINDS[kind])
        stored = Image.open(io.BytesIO(encoded)).convert("RGB")
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("RGB")
        for function in (decode,) if kind == "WEBP" else (decode, decode_in_graph):
            np.testing.assert_array_equal(function(tf.constant(encoded)), expected)
            np.testing.assert_array_equal(function(tf.constant(encoded), upright=False), stored)


EXIF = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        EXIF[:6],
        EXIF[:12],
        EXIF[:20],
        EXIF.replace(b"II*", b"IJ*"),
        EXIF.replace(b"\x08\0\0\0", b"\xff" * 4),  # the list lies outside
        EXIF.replace(b"\1\0\x12", b"\0\0\x12"),  # the list is empty
        EXIF.replace(b"\6\0", b"\x2a\0"),
    ],
)
def test_damaged_exif_data_turn_nothing(exif):
    plain = encode("JPEG", SMOOTH)
    encoded = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    for function in (decode, decode_in_graph):
        np.testing.assert_array_equal(function(tf.constant(encoded)), decode(tf.constant(plain)))
