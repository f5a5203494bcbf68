"""PCA noise has the size and the directions of a training set's colours, in training and nowhere else."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from support import cli

from alexnet_keras.config.recipes import recipe
from alexnet_keras.data import augmentation, image_ops
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training.train import train

COUNT = 60_000
IDENTITY = tuple(tuple(row) for row in np.eye(3))


@pytest.fixture(scope="module")
def color() -> tf.Tensor:
    """Three draws for each of many images."""
    return augmentation.draw(COUNT, 227, seed=3, epoch=tf.constant(1, tf.int64)).color


@pytest.mark.parametrize("convention", ["paper", "original"])
def test_noise_has_the_covariance_that_was_asked_for(convention, color, statistics):
    noise = noise_of(convention, statistics)
    shifts = (color @ tf.constant(noise.directions, tf.float32)).numpy()
    covariance = np.array(statistics.covariance)
    if convention == "original":  # 0.1 of a standard deviation along each axis: the colours' own covariance, in small
        expected = 0.01 * covariance
    else:  # on pixels of 0..1, 0.1 of a variance along each axis: the square of the covariance
        expected = 0.01 * (covariance / 255**2) @ (covariance / 255**2) * 255**2
    # Relative to the scale of each pair of colours; the standard error of a covariance is below sqrt(2 / N) of it.
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(np.cov(shifts.T) / scale, expected / scale, atol=4 * np.sqrt(2 / COUNT))


@pytest.mark.parametrize("convention", ["paper", "original"])
def test_images_get_the_noise_whole(convention, color, statistics):
    """Nothing is clipped or rounded: black and white images move as grey ones do."""
    noise = noise_of(convention, statistics)
    shifts = tf.constant(color[:300]) @ tf.constant(noise.directions, tf.float32)
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
