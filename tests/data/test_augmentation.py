"""What is drawn for an epoch, by its statistics; and the images that come of it, against plain NumPy."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.data import augmentation, pipeline
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.dataset import split_in_memory
from alexnet_keras.data.pca_noise import noise_of

IMAGES = np.random.RandomState(0).randint(0, 256, (12, 256, 256, 3), dtype=np.uint8)
COUNT = 60_000
SIZE = 227
SIDES = 256 - SIZE + 1  # offsets 0..29


@pytest.fixture(scope="module")
def draws() -> augmentation.Draws:
    return augmentation.draw(COUNT, SIZE, seed=3, epoch=tf.constant(1, tf.int64))


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
