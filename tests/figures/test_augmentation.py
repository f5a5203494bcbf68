"""Figures show what they should."""

import builtins

import numpy as np
import pytest
from PIL import Image
from support import cli, only_error

from alexnet_keras.figures import augmentation


def test_augmentation_of_one_image(folder, tmp_path):
    output = tmp_path / "new" / "figure.png"
    result = cli("figures", "augmentation", "--data", folder, "--output", output, "--image", 5)
    assert result.code == 0, result.err
    assert result.out == f"Wrote {output}\n"
    pixels = np.asarray(Image.open(output).convert("RGB"))
    assert pixels.shape[0] > 600
    assert pixels.shape[1] > 1500
    red, green, blue = (pixels[..., channel].astype(int) for channel in range(3))
    greenish = (green > red + 60) & (green > blue + 60)  # image 5 of four blue, four green and four red ones
    assert greenish.mean() > 0.3


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--output", "figure.jpg"), 2, "--output must end in .png, got 'figure.jpg'; try 'figure.png'."),
        (("--image", "12"), 2, "--image must be 0 to 11, got 12; choose one of the training images."),
    ],
)
def test_what_cannot_be_drawn(options, code, message, folder):
    result = cli("figures", "augmentation", "--data", folder, *options)
    assert result.code == code
    assert message in only_error(result)


def test_without_matplotlib(monkeypatch, folder):
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    result = cli("figures", "augmentation", "--data", folder)
    assert result.code == 1
    assert "Figures need matplotlib: pip install 'alexnet-keras[figures]'." in only_error(result)


def test_another_seed_draws_otherwise(folder, tmp_path):
    first = augmentation.augmentation_figure(str(folder), tmp_path / "a.png", seed=1).read_bytes()
    other = augmentation.augmentation_figure(str(folder), tmp_path / "b.png", seed=2).read_bytes()
    assert first != other
