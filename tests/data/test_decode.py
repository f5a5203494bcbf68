"""Images are decoded to the pixels that Pillow decodes, and to the same ones in training as in prediction."""

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from support.encoded_images import SMOOTH, encode

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode, decode_in_graph

SAMPLES = sorted(Path("../shared/data/imagenet_samples").glob("*.JPEG"))
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


@pytest.mark.parametrize("size", [(256, 256), (300, 260)])
def test_training_turns_images_as_prediction_does(size):
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = encode("JPEG", SMOOTH.resize(size), exif=exif)
    for upright in (True, False):
        whole = image_ops.resize_and_crop(decode(tf.constant(encoded), upright)).numpy().astype(int)
        crop = image_ops.crop_encoded(encoded, tf.constant((3, 5)), tf.constant(False), 227, upright)
        np.testing.assert_allclose(crop.numpy().astype(int), whole[3:230, 5:232], atol=1)


def test_exif_data_of_an_embedded_image_turn_nothing():
    """What lies behind the first scan belongs to other images, such as those of a panorama."""
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, other = encode("JPEG", SMOOTH), encode("JPEG", SMOOTH, exif=exif)
    np.testing.assert_array_equal(decode(tf.constant(plain + other)), decode(tf.constant(plain)))
