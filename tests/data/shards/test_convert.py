"""Images are converted in their order, several at once, and one that cannot be read has its reason."""

import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder

from alexnet_keras.data.dataset import Stream
from alexnet_keras.data.shards.convert import Settings, conversion, in_threads, store
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError, OptionError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 31}, "`size` must be 32 to 256, got 31."),
        ({"size": 257}, "`size` must be 32 to 256, got 257."),
        ({"encoding": "webp"}, "`encoding` must be one of jpeg, raw, got 'webp'."),
        ({"on_error": "ask"}, "`on_error` must be one of stop, skip, got 'ask'."),
        ({"jobs": 0}, "`jobs` must be 1 to 1,024, got 0."),
    ],
)
def test_settings_check_themselves(options, message):
    with pytest.raises(OptionError, match=message):
        Settings(**options)


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_images_are_stored_in_order_and_a_bad_one_says_why(encoding, tmp_path):
    root = draw_folder(tmp_path / "colours")
    (root / "train" / "green" / "1.png").write_text("x")  # the image at 5
    stream, settings = open_dataset(str(root)).stream("train"), Settings(size=64, encoding=encoding, jobs=3)
    found = list(store(stream, conversion(stream, settings), 2, 9, settings))
    assert [image.name for image in found] == [stream.name(index) for index in range(2, 9)]
    bad = found.pop(3)
    assert (bad.reason, bad.record) == ("is not a complete JPEG, PNG, GIF, BMP or WebP image", b"")
    assert [image.label for image in found] == [0, 0, 1, 1, 1, 2]
    for image in found:
        assert image.reason is None
        assert image.pixels.shape == (64, 64, 3)
        pixels = np.concatenate([image.pixels.reshape(-1, 3).astype(float), np.ones((64 * 64, 1))], axis=1)
        np.testing.assert_array_equal(image.color_sums, pixels.T @ pixels)
        if encoding == "raw":
            assert image.record == image.pixels.tobytes()
        else:
            difference = tf.io.decode_jpeg(image.record).numpy().astype(int) - image.pixels
            assert np.abs(difference).mean() <= 24  # the colours are noise, hard on JPEG


def test_a_data_set_that_ends_early_is_named():
    stream = Stream(3, "image {}".format, lambda start, stop: tf.data.Dataset.range(start, stop - 1), None)
    numbers = in_threads(stream, lambda index: (index * 2,), 0, 3, jobs=1)
    assert [next(numbers), next(numbers)] == [(0,), (2,)]
    with pytest.raises(
        InputError, match=r"^image 2 is missing: the data set ends before it; build or download .* again\.$"
    ):
        next(numbers)
