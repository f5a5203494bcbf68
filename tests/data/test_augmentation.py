"""What is drawn for an epoch, by its statistics; and the images that come of it, against plain NumPy."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from support import cli

from alexnet_keras.config.recipes import recipe
from alexnet_keras.data import augmentation, image_ops, pipeline
from alexnet_keras.data.color_statistics import ColorStatistics, Moments, color_sums
from alexnet_keras.data.dataset import split_in_memory
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training.train import train

RANDOM = np.random.RandomState(0)
IMAGES = RANDOM.randint(0, 256, (12, 256, 256, 3), dtype=np.uint8)
COUNT = 60_000
SIZE = 227
SIDES = 256 - SIZE + 1  # offsets 0..29
IDENTITY = tuple(tuple(row) for row in np.eye(3))


@pytest.fixture(scope="module")
def draws() -> augmentation.Draws:
    return augmentation.draw(COUNT, SIZE, seed=3, epoch=tf.constant(1, tf.int64))


@pytest.fixture(scope="module")
def statistics() -> ColorStatistics:
    """Colours that vary as photographs' do: together, with a little red against blue."""
    moments = Moments()
    light = RANDOM.normal(120, 60, (256, 256, 1)) + RANDOM.normal(0, 12, (256, 256, 3)) + (15, 0, -15)
    moments.add(color_sums(light.clip(0, 255).astype(np.uint8)))
    return moments.statistics()


def chi_square(counts: np.ndarray) -> float:
    """How far counts lie from equal ones, in standard deviations of the statistic, whose mean is k - 1."""
    expected = counts.sum() / counts.size
    statistic = ((counts - expected) ** 2 / expected).sum()
    return (statistic - (counts.size - 1)) / np.sqrt(2 * (counts.size - 1))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """In standard deviations of the correlation of independent numbers."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1] * np.sqrt(first.size))


def test_every_offset_is_as_likely_as_any_other(draws):
    tops, lefts = draws.offsets.numpy().T
    pairs = np.zeros((SIDES, SIDES), int)
    np.add.at(pairs, (tops, lefts), 1)
    assert pairs.min() > 0  # 900 of them, 67 draws each, both ends of both axes included
    assert pairs[0, 0] > 0
    assert pairs[-1, -1] > 0
    for counts in (pairs, pairs.sum(axis=0), pairs.sum(axis=1)):
        assert abs(chi_square(counts)) < 4


def test_half_of_the_images_are_flipped_at_any_offset(draws):
    flipped = draws.flipped.numpy()
    assert abs(flipped.mean() - 0.5) * 2 * np.sqrt(COUNT) < 4
    assert abs(correlation(flipped, draws.offsets.numpy()[:, 0])) < 4
    assert abs(correlation(flipped, draws.offsets.numpy()[:, 1])) < 4


def test_color_draws_are_standard_normal(draws):
    color = draws.color.numpy()
    assert np.abs(color.mean(axis=0)).max() * np.sqrt(COUNT) < 4
    np.testing.assert_allclose(np.cov(color.T), np.eye(3), atol=4 * np.sqrt(2 / COUNT))
    assert abs((color**4).mean() - 3) < 4 * np.sqrt(96 / (3 * COUNT))


def test_the_order_is_a_permutation_without_a_trend(draws):
    order = draws.order.numpy()
    np.testing.assert_array_equal(np.sort(order), np.arange(COUNT))
    assert abs(correlation(order, np.arange(COUNT))) < 4


def table(draws: augmentation.Draws) -> np.ndarray:
    columns = (draws.order[:, None], draws.offsets, draws.flipped[:, None], draws.color)
    return np.concatenate([column.numpy().astype(float) for column in columns], axis=1)


def test_neighbours_epochs_and_seeds_are_independent(draws):
    first = table(draws)
    others = [
        augmentation.draw(COUNT, SIZE, seed, tf.constant(epoch, tf.int64)) for seed, epoch in ((3, 2), (4, 1), (3, 0))
    ]
    for other in (*(table(each) for each in others), np.roll(first, 1, axis=0)):
        for column in range(first.shape[1]):
            assert abs(correlation(first[:, column], other[:, column])) < 4, column


def test_the_same_again_eagerly_and_in_a_graph(draws):
    graph = tf.function(lambda epoch: vars(augmentation.draw(COUNT, SIZE, 3, epoch)))(tf.constant(1, tf.int64))
    for name, value in vars(draws).items():
        np.testing.assert_array_equal(graph[name], value)


@pytest.mark.parametrize("convention", ["paper", "original"])
def test_noise_has_the_covariance_that_was_asked_for(convention, draws, statistics):
    noise = noise_of(convention, statistics)
    shifts = (draws.color @ tf.constant(noise.directions, tf.float32)).numpy()
    covariance = np.array(statistics.covariance)
    if convention == "original":  # 0.1 of a standard deviation along each axis: the colours' own covariance, in small
        expected = 0.01 * covariance
    else:  # on pixels of 0..1, 0.1 of a variance along each axis: the square of the covariance
        expected = 0.01 * (covariance / 255**2) @ (covariance / 255**2) * 255**2
    # Relative to the scale of each pair of colours; the standard error of a covariance is below sqrt(2 / N) of it.
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(np.cov(shifts.T) / scale, expected / scale, atol=4 * np.sqrt(2 / COUNT))


@pytest.mark.parametrize("convention", ["paper", "original"])
def test_images_get_the_noise_whole(convention, draws, statistics):
    """Nothing is clipped or rounded: black and white images move as grey ones do."""
    noise = noise_of(convention, statistics)
    shifts = tf.constant(draws.color[:300]) @ tf.constant(noise.directions, tf.float32)
    levels = np.repeat([0, 128, 255], 100).astype(np.uint8)
    flat = tf.constant(np.broadcast_to(levels[:, None, None, None], (300, 2, 2, 3)))
    result = image_ops.shift_colors(flat, shifts, noise.mean, noise.divisor)
    assert result.dtype == tf.float32
    mean = np.array(noise.mean)
    expected = mean + (levels[:, None] - mean + shifts.numpy()) / noise.divisor
    np.testing.assert_allclose(result, np.broadcast_to(expected[:, None, None], (300, 2, 2, 3)), atol=1e-4)


def test_the_sizes_of_the_noise_on_imagenet():
    """The eigenvalues that public code quotes for ImageNet, on pixels of 0..1."""
    statistics = ColorStatistics((0.0,) * 3, IDENTITY, tuple(255**2 * np.array([0.2175, 0.0188, 0.0045])), IDENTITY)
    paper = noise_of("paper", statistics)
    np.testing.assert_allclose(np.diag(paper.directions), [5.546, 0.479, 0.115], atol=1e-3)
    assert paper.divisor == 1
    original = noise_of("original", statistics)
    np.testing.assert_allclose(np.diag(original.directions), [11.892, 3.496, 1.711], atol=1e-3)
    assert original.divisor == 1.1


def test_an_unknown_convention():
    statistics = ColorStatistics((0.0,) * 3, IDENTITY, (1.0,) * 3, IDENTITY)
    with pytest.raises(OptionError, match="`pca_noise` must be one of paper, original, got 'caffe'."):
        noise_of("caffe", statistics)
    with pytest.raises(OptionError, match="`pca_noise` must be None or one of paper, original, got 'caffe'."):
        load_data("shapes", pca_noise="caffe")


def reference(split_pictures: np.ndarray, draws: augmentation.Draws, statistics: ColorStatistics, convention: str):
    """An epoch's images by plain NumPy, in its order."""
    values, vectors = np.linalg.eigh(np.array(statistics.covariance))  # columns; their sign is of no account, see below
    result = []
    for place, index in enumerate(draws.order.numpy()):
        top, left = draws.offsets[place].numpy()
        image = split_pictures[index][top : top + SIZE, left : left + SIZE].astype(np.float64)
        if draws.flipped[place]:
            image = image[:, ::-1]
        shift = np.zeros(3)
        for component in range(3):
            vector = vectors[:, 2 - component]
            vector = vector * np.sign(vector[np.abs(vector).argmax()])
            factor = 0.1 * float(draws.color[place, component])
            eigenvalue = values[2 - component]
            shift += vector * factor * (eigenvalue / 255 if convention == "paper" else eigenvalue**0.5)
        if convention == "paper":
            image = image + shift
        else:
            mean = np.array(statistics.mean)
            image = (image - mean + shift) / 1.1 + mean
        result.append(image)
    return np.stack(result)


@pytest.mark.parametrize("convention", ["paper", "original"])
@pytest.mark.parametrize("by_batch", [False, True])
def test_batches_equal_plain_numpy(convention, by_batch, statistics):
    split = split_in_memory([""] * len(IMAGES), np.arange(len(IMAGES)), IMAGES)
    if not by_batch:
        split = dataclasses.replace(split, read_batch=None)
    result = pipeline.train_dataset(
        split,
        input_size=SIZE,
        batch_size=5,
        epochs=tf.data.Dataset.range(2, 4),
        seed=9,
        noise=noise_of(convention, statistics),
    )
    result = list(result.as_numpy_iterator())
    for epoch in (2, 3):
        drawn = augmentation.draw(len(IMAGES), SIZE, 9, tf.constant(epoch, tf.int64))
        batches, labels = zip(*result[3 * (epoch - 2) :][:3], strict=True)
        assert batches[0].dtype == np.float32
        np.testing.assert_array_equal(np.concatenate(labels), drawn.order)
        np.testing.assert_allclose(np.concatenate(batches), reference(IMAGES, drawn, statistics, convention), atol=2e-4)


def test_without_noise_images_stay_whole_numbers():
    held = split_in_memory([""] * len(IMAGES), np.arange(len(IMAGES)), IMAGES)
    for split in (held, dataclasses.replace(held, read_batch=None)):
        dataset = pipeline.train_dataset(split, input_size=SIZE, batch_size=12, epochs=tf.data.Dataset.range(1), seed=9)
        ((batch, _),) = dataset.as_numpy_iterator()
        assert batch.dtype == np.uint8
        drawn = augmentation.draw(len(IMAGES), SIZE, 9, tf.constant(0, tf.int64))
        for image, index, (top, left), flipped in zip(
            batch, drawn.order.numpy(), drawn.offsets.numpy(), drawn.flipped.numpy(), strict=True
        ):
            expected = IMAGES[index][top : top + SIZE, left : left + SIZE]
            np.testing.assert_array_equal(image, expected[:, ::-1] if flipped else expected)


def test_no_choice_for_crops_of_the_whole_image():
    assert not np.any(augmentation.draw(100, 256, 0, tf.constant(0, tf.int64)).offsets)


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), None), (("--pca-noise", "original"), "original"), (("--pca-noise", "none"), None)],
)
def test_the_option_reaches_the_configuration(options, expected, monkeypatch):
    seen = []

    def train(config, *arguments, **keywords):
        seen.append(config.pca_noise)
        raise InputError("Enough.")

    monkeypatch.setattr("alexnet_keras.training.train.train", train)
    assert cli("train", *options).code == 1
    assert seen == [expected]


def test_training_with_pca_noise(folder, tiny, tmp_path):
    values = {"data": str(folder), "input_size": 67, "batch_size": 5, "epochs": 1, "pca_noise": "original"}
    config = dataclasses.replace(recipe("quickstart"), architecture=dataclasses.replace(tiny, towers=1), **values)
    train(config, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["pca_noise"] == "original"
    with pytest.raises(OptionError, match="`pca_noise` must be one of paper, original or none, got 'caffe'."):
        dataclasses.replace(config, pca_noise="caffe")


def test_load_data_with_pca_noise(folder):
    train, validation = load_data(str(folder), batch_size=5, input_size=67, pca_noise="paper")
    assert next(iter(train))[0].dtype == tf.float32
    assert next(iter(validation))[0].dtype == tf.uint8  # never at test
