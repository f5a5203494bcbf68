"""What images of each kind become, and what is said of files of other kinds."""

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from support.hostile_images import webp

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode, decode_in_graph
from alexnet_keras.data.image_files import DECODED, INCOMPLETE, UNREAD, kind_of, why_refused

PICTURE = Image.effect_noise((40, 30), 50).convert("RGB")


def encode(kind: str, image: Image.Image = PICTURE, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((encode(kind.upper()), kind) for kind in (*DECODED, "AVIF", "TIFF")),
        (encode("JPEG2000"), "JPEG 2000"),
        (encode("TIFF", big_tiff=True), "TIFF"),
        (b"MM\0*" + bytes(30), "TIFF"),
        (encode("PDF"), "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp41", None),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "SVG"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"', "SVG"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE HTML><html>", "HTML"),
        (b"<html>\r\n<head><title>403 Forbidden</title></head>", "HTML"),
        (b"BM is a text, not an image.....", None),
        (b"RIFF....WAVE", None),
        (b"html is text", None),
        (b"", None),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_first_bytes(content, kind):
    assert kind_of(content) == kind
    if kind in UNREAD:
        assert why_refused(content) == f"is {UNREAD[kind]}"
    elif kind is None and content:
        assert why_refused(content) == INCOMPLETE


def test_every_kind_that_is_not_read_has_a_remedy():
    assert why_refused(b"<html>").startswith("is an HTML page, which a server sent instead of the image: download")
    assert all(": " in phrase for phrase in UNREAD.values())


SAMPLES = sorted(Path("../shared/data/imagenet_samples").glob("*.JPEG"))
SMOOTH = PICTURE.resize((403, 301), Image.Resampling.BICUBIC)  # odd sides, so that chroma has half a pixel at the end
JPEGS = {
    f"{mode} {options}": encode("JPEG", SMOOTH.convert(mode), **options)
    for mode in ("RGB", "L")
    for options in ({"quality": 95, "subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True})
}


def ways(encoded: bytes) -> list[np.ndarray]:
    """Decode an image in each way of the package: prediction, shards and training, and exports."""
    parallel = tf.data.Dataset.from_tensors(encoded).map(decode)
    return [decode(tf.constant(encoded)).numpy(), next(iter(parallel)).numpy(), decode_in_graph(encoded).numpy()]


@pytest.mark.parametrize("name", JPEGS)
def test_the_pixels_of_a_jpeg_are_those_of_pillow(name):
    expected = np.asarray(Image.open(io.BytesIO(JPEGS[name])).convert("RGB"))
    for pixels in ways(JPEGS[name]):
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.skipif(not SAMPLES, reason="The samples of ImageNet are not in ../shared/data.")
def test_the_pixels_of_photographs_are_those_of_pillow():
    for path in SAMPLES:
        expected = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        np.testing.assert_array_equal(decode(tf.constant(path.read_bytes())), expected, err_msg=path.name)


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


@pytest.mark.parametrize("size", [(256, 256), (300, 260)])
def test_training_turns_images_as_prediction_does(size):
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = encode("JPEG", SMOOTH.resize(size), exif=exif)
    for upright in (True, False):
        whole = image_ops.resize_and_crop(decode(tf.constant(encoded), upright)).numpy().astype(int)
        crop = image_ops.crop_encoded(encoded, tf.constant((3, 5)), tf.constant(False), 227, upright)
        np.testing.assert_allclose(crop.numpy().astype(int), whole[3:230, 5:232], atol=1)


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


def test_exif_data_of_an_embedded_image_turn_nothing():
    """What lies behind the first scan belongs to other images, such as those of a panorama."""
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, other = encode("JPEG", SMOOTH), encode("JPEG", SMOOTH, exif=exif)
    np.testing.assert_array_equal(decode(tf.constant(plain + other)), decode(tf.constant(plain)))


def flat(size: tuple[int, int], **options) -> bytes:
    return encode("WEBP", Image.new("RGB", size[::-1], (200, 30, 40)), lossless=True, **options)


def test_a_webp_is_decoded_as_pillow_decodes_it():
    alpha = SMOOTH.convert("RGBA")
    alpha.putalpha(PICTURE.convert("L").resize(alpha.size))
    for image in (SMOOTH, SMOOTH.convert("L"), alpha):
        for options in ({"lossless": True, "exact": True}, {"quality": 70}):
            encoded = encode("WEBP", image, **options)
            expected = np.asarray(Image.open(io.BytesIO(encoded)))[..., :3]
            np.testing.assert_array_equal(decode(tf.constant(encoded)), expected)
            with pytest.raises(tf.errors.InvalidArgumentError):
                decode_in_graph(tf.constant(encoded))
            for end in (7, 15, 28, 40, len(encoded) // 2, len(encoded) - 2):
                assert why_refused(encoded[:end]) == INCOMPLETE
                with pytest.raises(tf.errors.InvalidArgumentError):
                    decode(tf.constant(encoded[:end]))


def test_of_an_animated_webp_the_first_frame_is_decoded():
    second = SMOOTH.transpose(Image.Transpose.ROTATE_180)
    encoded = encode("WEBP", SMOOTH, save_all=True, append_images=[second], lossless=True)
    np.testing.assert_array_equal(decode(tf.constant(encoded)), SMOOTH)
    chunks = flat((20, 30))[12:]
    image = decode(tf.constant(webp(chunks, canvas=(40, 50), frame=(20, 30)))).numpy()
    assert image.shape == (40, 50, 3)
    assert np.all(image[:20, :30] == (200, 30, 40))
    assert not image[20:].any()
    assert not image[:, 30:].any()


def test_frames_of_a_webp_take_no_memory():
    """Its 5,000 frames would take 100 GB."""
    encoded = webp(flat((2000, 2500))[12:], canvas=(2000, 2500), frames=5000)
    assert np.all(decode(tf.constant(encoded)).numpy() == (200, 30, 40))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (webp(flat((9, 9))[12:], (16_384, 9_000)), "has 9,000 x 16,384 pixels, more than the limit of 67,108,864"),
        (
            flat((9, 9))[:21] + (2**28 - 1).to_bytes(4, "little") + flat((9, 9))[25:],
            "has 16,384 x 16,384 pixels, more than the limit of 67,108,864",
        ),
        (flat((1, 9)), "has 9 x 1 pixels, and each side needs at least 2"),
        (webp(flat((9, 9))[12:], canvas=(20, 20), frame=(9, 21)), INCOMPLETE),
        (webp(flat((900, 900))[12:], canvas=(20, 20)), INCOMPLETE),
        (webp(b"", canvas=(20, 20)), INCOMPLETE),
        (webp(b"", canvas=(20, 20), frames=0), INCOMPLETE),
    ],
)
def test_a_webp_that_exceeds_a_bound_is_refused(content, reason):
    assert why_refused(content) == reason
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(tf.constant(content))


def test_an_older_tensorflow_leaves_webp_to_pillow(monkeypatch):
    encoded = encode("WEBP", SMOOTH, lossless=True)
    monkeypatch.delattr(tf.io, "decode_webp", raising=False)  # TensorFlow 2.18 lacks it
    np.testing.assert_array_equal(decode(tf.constant(encoded)), SMOOTH)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(tf.constant(encoded[:-2]))
