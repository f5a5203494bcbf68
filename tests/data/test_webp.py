"""A WebP is its first frame, decoded within bounds as Pillow decodes it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support.encoded_images import PICTURE, SMOOTH, encode
from support.hostile_images import webp

from alexnet_keras.data.decode import decode, decode_in_graph
from alexnet_keras.data.image_files import INCOMPLETE, why_refused


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
