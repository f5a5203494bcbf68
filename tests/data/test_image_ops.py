"""The image functions against Pillow and NumPy, eagerly and inside tf.data."""

import functools
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support.hostile_images import gif, progressive_jpeg

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode, decode_in_graph
from alexnet_keras.data.image_files import INCOMPLETE, MAX_GIF_FRAME, why_refused

PIXELS = np.random.RandomState(0).randint(0, 256, (40, 30, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(PIXELS).resize((400, 500), Image.Resampling.BICUBIC))


def encode(image: Image.Image, kind: str, **options) -> tf.Tensor:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return tf.constant(buffer.getvalue())


RGB = Image.fromarray(SMOOTH)
KINDS = {
    "rgb png": (encode(RGB, "PNG"), RGB, 0),
    "rgb jpeg": (encode(RGB, "JPEG", quality=95), RGB, 12),
    "bmp": (encode(RGB, "BMP"), RGB, 0),
    "greyscale jpeg": (encode(RGB.convert("L"), "JPEG", quality=95), RGB.convert("L").convert("RGB"), 8),
    "greyscale png": (encode(RGB.convert("L"), "PNG"), RGB.convert("L").convert("RGB"), 0),
    "palette png": (encode(RGB.quantize(64), "PNG"), RGB.quantize(64).convert("RGB"), 0),
    "alpha png": (encode(RGB.convert("RGBA"), "PNG"), RGB, 0),
    "one bit png": (encode(RGB.convert("1"), "PNG"), RGB.convert("1").convert("RGB"), 0),
    "cmyk jpeg": (encode(RGB.convert("CMYK"), "JPEG", quality=95), RGB, 12),
    "gif": (encode(RGB.quantize(64), "GIF"), RGB.quantize(64).convert("RGB"), 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_becomes_rgb(kind):
    encoded, expected, tolerance = KINDS[kind]
    decoded = decode(encoded)
    if kind != "gif":
        np.testing.assert_array_equal(decode_in_graph(encoded), decoded)
    assert decoded.dtype == tf.uint8
    assert decoded.shape == (500, 400, 3)
    difference = np.abs(decoded.numpy().astype(int) - np.asarray(expected).astype(int))
    assert difference.mean() <= tolerance / 4
    assert np.quantile(difference, 0.999) <= tolerance


def test_sixteen_bits_are_cut_to_eight():
    deep = tf.constant(np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64, 1))
    decoded = decode(tf.io.encode_png(deep))
    np.testing.assert_allclose(decoded[..., 1], deep[..., 0].numpy() // 256, atol=1)


@pytest.mark.parametrize(
    "content", [b"", b"not an image", KINDS["rgb jpeg"][0].numpy()[:5000], KINDS["rgb png"][0].numpy()[:5000]]
)
def test_what_is_no_whole_image_is_an_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(tf.constant(content))


@pytest.mark.parametrize("options", [{}, {"interlace": 0}, {"comment": b"x" * 600}])
def test_a_gif_is_its_first_frame_whatever_follows(options):
    frames = [Image.fromarray(np.roll(SMOOTH, shift, axis=0)).quantize(64) for shift in (0, 9, 200)]
    encoded = encode(frames[0], "GIF", save_all=True, append_images=frames[1:], **options).numpy()
    expected = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    for content in (encoded, encoded[: len(encoded) - 5000]):  # the end of the last frame is missing
        np.testing.assert_array_equal(decode(tf.constant(content)), expected)


def test_frames_of_a_gif_take_no_memory():
    """Its 5,000 frames would take 75 GB."""
    encoded = tf.constant(gif((2000, 2500), frames=5000, screen=(2, 2), chain=200))
    image = decode(encoded)
    assert image.shape == (2000, 2500, 3)
    assert np.all(image == (200, 30, 40))


LARGE_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 8 + bytes.fromhex("0802000000") + bytes(4)
LARGE_BMP = b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0" + (65_500).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gif((9000, 9000), frames=1), "has 9,000 x 9,000 pixels, more than the limit of 67,108,864"),
        (gif((40, 40), 1, screen=(65_535, 65_535)), "has 65,535 x 65,535 pixels, more than the limit of 67,108,864"),
        (b"GIF89a\2\0\2\0\0\0\0" + b"!\xf9\1\0\0" * (MAX_GIF_FRAME // 5) + gif((2, 2), 1)[19:], INCOMPLETE),
        (gif((40, 40), frames=0), INCOMPLETE),
        (gif((40, 40), frames=1)[:40], INCOMPLETE),
        (
            progressive_jpeg((4096, 4096), scans=65),
            "has 65 scans of 4,096 x 4,096 pixels, together more than the limit of 1,073,741,824",
        ),
        (LARGE_PNG, "has 4,294,967,295 x 4,294,967,295 pixels, more than the limit of 67,108,864"),
        (LARGE_BMP, "has 65,500 x 65,500 pixels, more than the limit of 67,108,864"),
        (LARGE_BMP[:18] + (5000).to_bytes(4, "little") * 2 + LARGE_BMP[26:], INCOMPLETE),  # its pixels are missing
    ],
)
def test_images_that_exceed_a_bound_are_refused(content, reason):
    assert why_refused(content) == reason
    crop = functools.partial(image_ops.crop_encoded, offset=tf.constant((0, 0)), flipped=tf.constant(False), size=227)
    for function in (decode, decode_in_graph, crop):
        with pytest.raises(tf.errors.InvalidArgumentError):
            function(tf.constant(content))


def test_common_progressive_photographs_pass():
    photograph = encode(RGB, "JPEG", progressive=True).numpy()
    assert photograph.count(b"\xff\xda") == 10
    assert decode(tf.constant(photograph)).shape == (500, 400, 3)
    assert decode(tf.constant(progressive_jpeg((1024, 1024), scans=64))).shape == (
        1024,
        1024,
        3,
    )  # searched: 67 million


def test_a_marker_of_scans_in_other_kinds_is_no_scan():
    pixels = np.full((4000, 3000, 3), (0, 218, 255), np.uint8)  # in a BMP as blue, green, red: ff da 00
    assert decode(encode(Image.fromarray(pixels), "BMP")).shape == (4000, 3000, 3)


def damaged(content: bytes, random: np.random.RandomState) -> bytes:
    kind, place = random.randint(5), random.randint(len(content))
    return [
        content[:place],
        content[: -random.randint(1, 2000)],
        content[:place] + bytes([255, random.randint(256)]) + content[place + 2 :],
        content[:place] + random.bytes(5) + content[place:],
        content[:place] + random.bytes(1) + content[place + 1 :],
    ][kind]


def test_training_refuses_the_damaged_images_that_prediction_refuses():
    """Those of 256 x 256 pixels take a shorter way through training, which once passed one in six of these."""
    noise = np.random.RandomState(1).randint(0, 256, (256, 256, 3), dtype=np.uint8)
    content, random = encode(Image.fromarray(noise), "JPEG", quality=90).numpy(), np.random.RandomState(2)
    mutants = [damaged(content, random) for _ in range(150)]

    def refused(function) -> list[bool]:
        results = iter(tf.data.Dataset.from_tensor_slices(mutants).map(function, num_parallel_calls=2))
        answers = []
        for _ in mutants:
            try:
                next(results)
                answers.append(False)
            except tf.errors.InvalidArgumentError:
                answers.append(True)
        return answers

    expected = refused(decode)
    assert 50 < sum(expected) < 130
    offset = tf.constant((0, 15))
    assert refused(lambda image: image_ops.crop_encoded(image, offset, tf.constant(False), 227)) == expected


@pytest.mark.parametrize("size", [(500, 400), (400, 500), (256, 256), (300, 257), (90, 61), (1000, 300)])
def test_resize_and_crop_equals_pillow(size):
    height, width = size
    picture = Image.fromarray(SMOOTH).resize((width, height), Image.Resampling.BICUBIC)
    scale = 256 / min(size)
    wide, high = round(width * scale), round(height * scale)
    left, top = (wide - 256) // 2, (high - 256) // 2
    expected = picture.resize((wide, high), Image.Resampling.BILINEAR).crop((left, top, left + 256, top + 256))
    result = image_ops.resize_and_crop(tf.constant(np.asarray(picture)))
    assert result.dtype == tf.uint8
    np.testing.assert_allclose(result.numpy().astype(int), np.asarray(expected).astype(int), atol=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 2)])
def test_extreme_images_become_squares(size):
    result = image_ops.resize_and_crop(tf.fill((*size, 3), tf.constant(200, tf.uint8)))
    assert result.shape == (256, 256, 3)
    assert np.all(result == 200)


def cropped(image: tf.Tensor, offset: tuple[int, int]) -> np.ndarray:
    return image.numpy()[offset[0] : offset[0] + 227, offset[1] : offset[1] + 227]


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("offset", [(0, 0), (29, 29), (0, 29), (7, 10), (16, 1), (3, 15)])
def test_a_square_of_a_stored_jpeg_is_that_of_the_whole_image(offset, flipped):
    noise = np.random.RandomState(1).randint(0, 256, (256, 256, 3), dtype=np.uint8)
    encoded = encode(Image.fromarray(noise), "JPEG", quality=95)  # which keeps colours at half the resolution
    expected = cropped(decode(encoded), offset)
    for crop in (image_ops.crop_encoded, image_ops.crop_stored_jpeg):
        result = crop(encoded, tf.constant(offset), tf.constant(flipped), 227)
        np.testing.assert_array_equal(result, expected[:, ::-1] if flipped else expected)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [(0, 0), (29, 29), (7, 10)])
def test_a_square_of_a_photograph_is_that_of_the_resized_one(kind, offset, flipped):
    encoded = KINDS[kind][0]
    expected = cropped(image_ops.resize_and_crop(decode(encoded)), offset)
    square = image_ops.crop_encoded(encoded, tf.constant(offset), tf.constant(flipped), 227)
    difference = np.abs(square.numpy().astype(int) - (expected[:, ::-1] if flipped else expected).astype(int))
    assert difference.max() <= 1  # where a float ends on the other side of a half
    assert (difference > 0).mean() < 2e-2  # in an image of black and white, sums of exactly one half are many


def test_a_stored_image_that_is_no_jpeg_is_cropped_like_a_photograph():
    noise = np.random.RandomState(1).randint(0, 256, (256, 256, 3), dtype=np.uint8)
    square = image_ops.crop_encoded(encode(Image.fromarray(noise), "PNG"), tf.constant((3, 5)), tf.constant(True), 227)
    np.testing.assert_array_equal(square, noise[3:230, 5:232][:, ::-1])


def test_crop_and_flip_crops_each_image_at_its_offset():
    offsets = [(0, 0), (20, 10), (0, 10), (7, 3)]
    flipped = [False, True, True, False]
    crops = image_ops.crop_and_flip(tf.stack([PIXELS] * 4), tf.constant(offsets), tf.constant(flipped), 20)
    for crop, (top, left), reverse in zip(crops, offsets, flipped, strict=True):
        expected = PIXELS[top : top + 20, left : left + 20]
        np.testing.assert_array_equal(crop, expected[:, ::-1] if reverse else expected)


def test_centre_crop_is_central():
    np.testing.assert_array_equal(image_ops.center_crop(PIXELS, 10), PIXELS[15:25, 10:20])


def test_ten_crops_are_corners_centre_and_their_flipped_images():
    views = image_ops.ten_crops(tf.constant(PIXELS), 20).numpy()
    indices = [(0, 0), (0, 10), (20, 0), (20, 10), (10, 5)]
    assert views.shape == (10, 20, 20, 3)
    for view, (y, x) in zip(views[:5], indices, strict=True):
        np.testing.assert_array_equal(view, PIXELS[y : y + 20, x : x + 20])
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])


def test_eager_and_tf_data_agree():
    encoded = KINDS["rgb png"][0]
    offsets, flipped = tf.constant([[0, 0], [29, 29], [3, 17]]), tf.constant([True, False, True])
    shifts = tf.constant([[1.5, -2, 3], [0, 0, 0], [9, 9, 9]])

    def one(offset: tf.Tensor, flipped: tf.Tensor) -> tf.Tensor:
        return image_ops.crop_encoded(encoded, offset, flipped, 227)

    whole = image_ops.resize_and_crop(decode(encoded))
    expected = image_ops.crop_and_flip(tf.stack([whole] * 3), offsets, flipped, 227)
    for index, image in enumerate(tf.data.Dataset.from_tensor_slices((offsets, flipped)).map(one)):
        np.testing.assert_allclose(image.numpy().astype(int), expected[index].numpy().astype(int), atol=1)
        np.testing.assert_array_equal(image, one(offsets[index], flipped[index]))

    def finish(image: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
        return image_ops.shift_colors(image, shift, (120.0, 110.0, 100.0), 1.1)

    dataset = tf.data.Dataset.from_tensor_slices((expected, shifts)).batch(2).map(finish)
    for result, eager in zip(dataset.unbatch(), finish(expected, shifts), strict=True):
        np.testing.assert_allclose(result, eager, atol=1e-4)
