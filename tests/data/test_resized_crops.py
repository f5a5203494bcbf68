"""Random resized crops have the pixels of their windows, whatever the source, and every caller can ask for them."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support import NARROW, cli, only_error

from alexnet_keras import figures
from alexnet_keras.benchmark import plan
from alexnet_keras.compression import retraining
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import augmentation, image_ops, pipeline
from alexnet_keras.data.compiled_resize import resized
from alexnet_keras.data.crop_windows import crop_windows
from alexnet_keras.data.dataset import ImageForm, Split, split_in_memory
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError, OptionError

NOISE = np.random.RandomState(0).randint(0, 256, (256, 256, 3), np.uint8)
UNIFORM = np.random.RandomState(1).random_sample((40, 4)).astype(np.float32)


def by_pillow(image: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    top, left, height, width = (int(number) for number in window)
    cropped = Image.fromarray(image).crop((left, top, left + width, top + height))
    return np.asarray(cropped.resize((size, size), Image.Resampling.BILINEAR)).astype(int)


@pytest.mark.parametrize("size", [227, 67])
def test_pixels_are_those_of_pillow(size):
    for number, window in enumerate(crop_windows(UNIFORM[:20], 256, 0.05)):
        top, left, height, width = window
        crop = resized(NOISE[top : top + height, left : left + width], size, flipped=number % 2 == 0)
        difference = np.abs((crop[:, ::-1] if number % 2 == 0 else crop) - by_pillow(NOISE, window, size))
        assert difference.max() <= 1  # Pillow rounds between its two passes


def batches(split, min_crop_area=0.2, **options):
    epochs = tf.data.Dataset.range(1, 3)
    return list(
        pipeline.train_dataset(
            split, input_size=50, batch_size=5, epochs=epochs, seed=3, min_crop_area=min_crop_area, **options
        ).as_numpy_iterator()
    )


def test_a_crop_depends_only_on_seed_epoch_and_index():
    """Batches equal Pillow's from the draws, and an epoch can be entered at any step."""
    images = np.stack([NOISE[start : start + 64, start : start + 64] for start in range(12)])
    split = split_in_memory([""] * 12, np.arange(12), images)
    found = batches(split)
    for epoch in (1, 2):
        draws = augmentation.draw(12, 50, 3, tf.constant(epoch, tf.int64), min_crop_area=0.2, stored_size=64)
        crops, labels = (np.concatenate(parts) for parts in zip(*found[3 * epoch - 3 : 3 * epoch], strict=True))
        np.testing.assert_array_equal(labels, draws.order)
        windows = np.concatenate([draws.offsets, draws.shapes], axis=1)
        for crop, label, window, flipped in zip(crops, labels, windows, draws.flipped.numpy(), strict=True):
            expected = by_pillow(images[label], window, 50)
            assert np.abs((crop[:, ::-1] if flipped else crop) - expected).max() <= 1
    assert len(np.unique(windows, axis=0)) == 12
    for crops, expected in zip(batches(split, first_step=2), found[2:], strict=True):
        np.testing.assert_array_equal(crops[0], expected[0])


@pytest.mark.parametrize("area", [None, 0.2])
def test_crops_are_resized_for_a_smaller_network(area):
    """The windows stay those of the whole size, so that small images show as much as large ones."""
    images = np.stack([NOISE[start : start + 64, start : start + 64] for start in range(12)])
    split = split_in_memory([""] * 12, np.arange(12), images)
    draws = augmentation.draw(12, 50, 3, tf.constant(1, tf.int64), min_crop_area=area, stored_size=64, resized=20)
    assert draws.size == 20
    windows = np.concatenate([draws.offsets, draws.shapes], axis=1)
    crops, labels = (np.concatenate(parts) for parts in zip(*batches(split, area, resized=20)[:3], strict=True))
    for crop, label, window, flipped in zip(crops, labels, windows, draws.flipped.numpy(), strict=True):
        assert area or list(window[2:]) == [50, 50]
        expected = by_pillow(images[label], window, 20)
        assert np.abs((crop[:, ::-1] if flipped else crop) - expected).max() <= 1
    plain = augmentation.draw(12, 50, 3, tf.constant(1, tf.int64), min_crop_area=area, stored_size=64, resized=50)
    np.testing.assert_array_equal(plain.offsets, draws.offsets)
    assert (plain.shapes is None) == (area is None)


def test_folders_shards_and_memory_have_the_same_pixels(folder, tmp_path):
    dataset = open_dataset(DataSource(name=str(folder), stored_size=64))
    for encoding in ("jpeg", "raw"):
        prepare(dataset, tmp_path / encoding, Settings(size=64, encoding=encoding))
    whole = np.stack([dataset.train.pixels(tf.constant(index)) for index in range(12)])
    held = split_in_memory(dataset.train.names, dataset.train.labels, whole)
    raw, jpeg = (
        open_dataset(DataSource(name=str(tmp_path / encoding), stored_size=64)).train for encoding in ("raw", "jpeg")
    )
    assert jpeg.form is ImageForm.STORED_JPEG
    files = Split(jpeg.names, jpeg.labels, jpeg.read, stored_size=64)  # JPEG files of that size in a folder
    decoded = np.stack([jpeg.pixels(tf.constant(index)) for index in range(12)])
    for one, other in ((dataset.train, held), (raw, held), (jpeg, split_in_memory(jpeg.names, jpeg.labels, decoded)),
                       (files, jpeg)):  # fmt: skip
        for (crops, labels), (expected, others) in zip(batches(one), batches(other), strict=True):
            np.testing.assert_array_equal(crops, expected)
            np.testing.assert_array_equal(labels, others)


def test_every_window_of_a_stored_jpeg_is_that_of_the_whole_image():
    encoded = tf.io.encode_jpeg(NOISE, quality=95)
    whole = tf.io.decode_jpeg(encoded, dct_method="INTEGER_ACCURATE").numpy()
    for top, left, height, width in crop_windows(UNIFORM[:40], 256, 0.05):
        shape = tf.constant([height, width])
        crop = image_ops.crop_stored_jpeg(encoded, tf.constant([top, left]), tf.constant(False), 60, shape=shape)
        np.testing.assert_array_equal(crop, resized(whole[top : top + height, left : left + width], 60))


def test_functions_refuse_a_fraction_of_one(folder):
    for function in (load_data, figures.augmentation):
        with pytest.raises(OptionError, match=r"`min_crop_area` must be in \[0.01, 1\) or none, got 1"):
            function(str(folder), min_crop_area=1)
    result = cli("benchmark", "input", "--data", folder, "--min-crop-area", 1)
    assert "'--min-crop-area': it must be in [0.01, 1), got 1.0." in only_error(result)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_train_crops_as_the_configuration_says(options, folder, tmp_path, monkeypatch):
    seen = []

    def train_dataset(split, **keywords):
        seen.append({name: keywords[name] for name in ("centered", "flips", "min_crop_area")})
        raise InputError("Enough.")

    monkeypatch.setattr(pipeline, "train_dataset", train_dataset)
    assert plan.pipeline is retraining.pipeline is pipeline
    monkeypatch.setattr(plan, "_training_rate", lambda *arguments: 1.0)
    settings = ("--batch-size", 4, "--set", "min_crop_area=0.35", "--run", tmp_path / "run")
    assert "Enough." in cli("train", "--data", folder, *settings, *NARROW, *options).err
    assert seen == [{"centered": False, "flips": True, "min_crop_area": 0.35}]


def test_the_figure_shows_the_windows(folder):
    figure = figures.augmentation(str(folder), min_crop_area=0.3)
    boxes = [(round(patch.get_height()), round(patch.get_width())) for patch in figure.axes[0].patches[:6]]
    titles = [axes.get_title() for axes in figure.axes[1:7]]
    assert [title.removesuffix(" flipped") for title in titles] == [f"{height} x {width}" for height, width in boxes]
    assert len(set(boxes)) == 6
