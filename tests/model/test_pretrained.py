"""The trained network in the package: its file, its name for functions and commands, and its use without a run."""

import hashlib
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, cli, only_error

import alexnet_keras
from alexnet_keras import api
from alexnet_keras.config import pretrained
from alexnet_keras.data.class_labels import readable
from alexnet_keras.data.sources import shapes
from alexnet_keras.export import export, web
from alexnet_keras.figures.networks import network_of
from alexnet_keras.model import archive
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training import initial_weights

SHA256 = "30897f6cfa4c80c0e68d276d7a9253af69c1a2067df22500db55b75f0a7fea3c"
ERROR = 0.2051  # top-1, on all 3,925 validation images; docs/results.md has the command
NOTICE = (
    "There is no run with a model, so the command uses imagenette, the trained network in this package. "
    "It knows only tench, English springer, cassette player, chain saw, church, French horn, garbage "
    "truck, gas pump, golf ball, parachute.\n"
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
    assert ", ".join(map(readable, model.layers[-1].class_names)) == pretrained.LABELS
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
        ({"variant": "owt"}, "imagenette is for `variant` paper, got owt; pass paper."),
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
    for name in (pretrained.FILE, pretrained.NAME):
        named = cli("predict", name, image)
        assert (named.out, NOTICE in named.err) == (result.out, False)
    run = tmp_path / "saved_models" / "run"
    run.mkdir(parents=True)
    shutil.copy(trained, run / "model.keras")
    result = cli("predict", image)
    assert result.out.startswith("Model saved_models/run/model.keras")
    assert NOTICE not in result.err


def test_other_commands_use_it_as_well(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments in (["info", "--json"], ["info", pretrained.NAME, "--json"]):
        result = cli(*arguments)
        assert result.json["parameters"] == model.count_params()
        assert (NOTICE in result.err) == (pretrained.NAME not in arguments)
    assert NOTICE in cli("figures", "filters", "--output", "filters.svg").err
    assert NOTICE in cli("weights", "export", "--output", "weights.npz").err
    np.testing.assert_array_equal(np.load("weights.npz")["fc8/bias"], model.get_layer("fc8").bias)
    assert network_of(pretrained.NAME).get_config() == model.get_config()
    result = cli("figures", "confusion")  # a command that needs data does not choose a network by itself
    assert only_error(result).startswith("Error: There is no run in saved_models; name a model")


@pytest.mark.parametrize("name", ["a.keras", "a.npy", "a.npz", "a.pth", "a.pth.tar", "a.bin", "a.ckpt", "a.caffemodel"])
def test_models_and_weights_are_told_from_images_by_their_suffix(name):
    assert api.is_model(Path(name))
    assert not api.is_model(Path(name).with_suffix(".png"))


def test_a_path_of_the_same_name_is_meant_instead(trained, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(pretrained.NAME)
    assert api.find_model(path) == pretrained.FILE
    path.touch()
    with pytest.raises(
        InputError, match=rf"^imagenette is no model; .* The network in the package is {pretrained.FILE}\.$"
    ):
        api.find_model(path)
    path.unlink()
    path.symlink_to(folder)
    assert not api.is_model(path)  # `predict` classifies its images
    with pytest.raises(InputError, match=rf"^The folder imagenette is neither a run .* is {pretrained.FILE}\.$"):
        api.find_model(path)
    path.unlink()
    path.mkdir()
    shutil.copy(trained, path / "model.keras")
    assert api.find_model(path) == path / "model.keras"


@pytest.fixture
def few_shapes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shapes, "NUM_IMAGES", {"train": 20, "validation": 20})


@pytest.mark.usefixtures("few_shapes")
def test_it_is_exported_to_the_working_directory_without_data():
    result = cli("export", pretrained.NAME, "--format", "tflite", "--quantize", "dynamic")
    assert result.code == 0, result.err
    assert "\nerrors              not measured, because the images of shapes have other classes\n" in result.out
    assert "top-1 val error" not in result.out
    assert result.out.endswith("Next:\n  alexnet-keras predict imagenette-dynamic.tflite photo.jpg\n")
    entry = export.read_report(Path())["imagenette-dynamic.tflite"]
    assert entry["keras"]["top1_error"] is entry["exported"]["top5_error"] is None
    assert entry["top1_agreement"] >= 0.95


@pytest.mark.usefixtures("few_shapes")
def test_its_page_needs_no_calibration(monkeypatch):
    monkeypatch.setattr(web, "find_runtime", Path)
    monkeypatch.setattr(export, "export", lambda model, target, output, *others, **options: (target, output, options))
    target, output, options = alexnet_keras.export(pretrained.NAME, "web")
    assert (target.quantize, output, options) == ("dynamic", Path("web"), {"any_classes": True})
    target, _, options = alexnet_keras.export(pretrained.NAME, "web", calibration="shapes")
    assert (target.quantize, options) == ("int8", {"any_classes": True})
    target, _, options = alexnet_keras.export(pretrained.NAME, "web", data="shapes")
    assert (target.quantize, options) == ("int8", {"any_classes": False})
    message = (
        "`quantize` int8 needs images that calibrate it, and .* is not in the folder of a run; name a data set with"
    )
    with pytest.raises(OptionError, match=message):
        alexnet_keras.export(pretrained.NAME, "web", quantize="int8")
    with pytest.raises(OptionError, match=message):
        next(api.export_all(Path(pretrained.NAME)))


def test_a_training_can_start_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, _ = api.configure_run("small", weights=pretrained.NAME)
    assert config.weights == str(pretrained.FILE)
    origin = initial_weights.read(config, classes=3)[1]
    assert (origin.new_layers, origin.sha256) == (("fc8",), SHA256)


def test_it_recognizes_the_drawing_of_the_documentation(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / "parachute.py"))
    (answer,) = alexnet_keras.predict(model, "parachute.png", top=1)
    assert answer["predictions"][0]["label"] == "parachute"
    assert answer["predictions"][0]["probability"] > 0.9


def test_its_error_on_validation_images(model, shared_data):
    images = sorted(Path(shared_data, "imagenette", "val").glob("*/*"))[::13]  # 302 of 3,925
    found = [row["predictions"][0]["class"] for row in alexnet_keras.predict(model, images, top=1)]
    error = np.mean([name != image.parent.name for name, image in zip(found, images, strict=True)])
    assert abs(error - ERROR) < 0.08  # three standard deviations of the error of 302 images
