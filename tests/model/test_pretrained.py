"""The trained network in the package: the file, `AlexNet(weights="imagenette")`, and `predict` without a run."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import cli

import alexnet_keras
from alexnet_keras.config import pretrained
from alexnet_keras.model import archive
from alexnet_keras.system.errors import InputError

SHA256 = "30897f6cfa4c80c0e68d276d7a9253af69c1a2067df22500db55b75f0a7fea3c"
ERROR = 0.2051  # top-1, on all 3,925 validation images; docs/results.md has the command
NOTICE = (
    "There is no run, so the network in this package answers. It knows only tench, English springer, cassette player, "
    "chain saw, church, French horn, garbage truck, gas pump, golf ball, parachute.\n"
)


@pytest.fixture(scope="module")
def model():
    return alexnet_keras.AlexNet(weights=pretrained.NAME)


def test_the_file_is_the_one_that_was_measured():
    content = pretrained.FILE.read_bytes()
    assert len(content) <= 1_000_000
    assert hashlib.sha256(content).hexdigest() == SHA256


def test_the_model_is_that_of_the_file(model):
    assert (model.name, model.output_shape) == ("alexnet_paper", (None, 10))
    assert model.layers[-1].class_names[0] == "n01440764"
    images = np.random.RandomState(0).randint(0, 256, (2, 227, 227, 3), np.uint8)
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), archive.read(pretrained.FILE).predict(images, verbose=0)
    )


def test_it_is_a_base_for_other_classes(model):
    base = alexnet_keras.AlexNet(weights=pretrained.NAME, include_top=False, input_shape=(None, None, 3), pooling="avg")
    assert base.output_shape == (None, 64)
    np.testing.assert_array_equal(base.get_layer("conv5b").kernel, model.get_layer("conv5b").kernel)
    renamed = alexnet_keras.AlexNet(weights=pretrained.NAME, class_names=list("abcdefghij"))
    assert renamed.layers[-1].class_names == tuple("abcdefghij")
    for changes, message in (
        ({"classes": 5}, r"imagenette has fc8/kernel of shape \(1024, 10\), the model needs \(1024, 5\); choose the"),
        ({"width": 0.5}, r"imagenette has conv1/kernel of shape \(11, 11, 3, 24\), the model needs \(11, 11, 3, 48\)"),
        ({"variant": "owt"}, "imagenette is for `variant` paper, got owt."),
    ):
        with pytest.raises(InputError, match=message):
            alexnet_keras.AlexNet(weights=pretrained.NAME, **changes)


def test_predict_uses_it_if_there_is_no_run(trained, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = next((folder / "val" / "red").iterdir())
    result = cli("predict", image)
    assert result.code == 0, result.err
    assert result.err.endswith(NOTICE)
    assert result.out.startswith(f"Model {pretrained.FILE} (variant paper)\n")
    named = cli("predict", pretrained.FILE, image)
    assert (named.out, NOTICE in named.err) == (result.out, False)
    run = tmp_path / "saved_models" / "run"
    run.mkdir(parents=True)
    shutil.copy(trained, run / "model.keras")
    result = cli("predict", image)
    assert result.out.startswith("Model saved_models/run/model.keras")
    assert NOTICE not in result.err


def test_its_error_on_validation_images(model, shared_data):
    images = sorted(Path(shared_data, "imagenette", "val").glob("*/*"))[::13]  # 302 of 3,925
    found = [row["predictions"][0]["class"] for row in alexnet_keras.predict(model, images, top=1)]
    error = np.mean([name != image.parent.name for name, image in zip(found, images, strict=True)])
    assert abs(error - ERROR) < 0.08  # three standard deviations of the error of 302 images
