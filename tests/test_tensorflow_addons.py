"""The example for TensorFlow Addons has our network, and reads and writes our files."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest
from support import CLASS_NAMES, ROOT, cli

from alexnet_keras.data.sources import shapes
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model

EXAMPLE = ROOT / "examples" / "tensorflow_addons"
PAGE = (ROOT / "docs" / "how_to" / "tensorflow_addons.md").read_text()
PINS = {"tensorflow": "2.15.1", "tensorflow-addons": "0.23.0"}
NARROW = {"filters": (8, 16, 12, 12, 8), "hidden_units": (16, 16), "initializer": "he_normal"}
MEAN = (100.0, 110.0, 120.0)


def module(name: str) -> ModuleType:
    """A program of the example, which is not in a package."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLE / f"{name}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def run(program: ModuleType, monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [program.__name__, *map(str, arguments)])
    program.main()


@pytest.fixture
def fine_tune(monkeypatch):
    """The program without TensorFlow Addons, which only `augment` and `main` need."""
    monkeypatch.setitem(sys.modules, "tensorflow_addons", ModuleType("tensorflow_addons"))
    return module("fine_tune")


def network(variant: str, **arguments: object) -> keras.Model:
    return AlexNet(variant, classes=3, input_shape=(67, 67, 3), **NARROW, **arguments)


@pytest.fixture
def exported(request, tmp_path) -> Path:
    """The file that `weights export` writes for a network of a variant, which lies beside it as model.keras."""
    model = network(request.param, class_names=CLASS_NAMES, mean=MEAN)
    for weight in model.trainable_weights:  # biases and a normalization that change the result
        weight.assign(weight + keras.random.normal(weight.shape, stddev=0.1))
    model.save(tmp_path / "model.keras")
    result = cli("weights", "export", tmp_path / "model.keras", "--output", tmp_path / "weights.npz")
    assert result.code == 0, result.err
    return tmp_path / "weights.npz"


@pytest.mark.parametrize("exported", ["paper", "one_tower", "caffe"], indirect=True)
def test_its_network_reads_and_writes_our_weights(exported, fine_tune):
    images = np.random.RandomState(0).randint(0, 256, (2, 67, 67, 3), np.uint8)
    model = load_model(exported.with_name("model.keras"))
    ours = model(images).numpy()
    with np.load(exported) as file:
        weights = dict(file)
    theirs = fine_tune.build(weights, (67, 67, 3))
    assert np.ptp(ours, axis=1).min() > 0.1
    np.testing.assert_allclose(theirs(images).numpy(), ours, atol=1e-5)

    for weight in theirs.trainable_weights:
        weight.assign(weight * 0.9)
    tuned = exported.with_name("tuned.npz")
    fine_tune.save(tuned, theirs, metadata=weights["metadata"], probabilities=ours)
    with np.load(tuned) as file:
        assert {*file} == {*weights, "probabilities"}
    again = network(model.name.removeprefix("alexnet_"), weights=tuned)
    assert again.get_layer("mean").mean == MEAN
    np.testing.assert_allclose(again(images).numpy(), theirs(images).numpy(), atol=1e-5)
    assert abs(again(images).numpy() - ours).max() > 1e-3


@pytest.mark.parametrize("exported", ["owt"], indirect=True)
def test_it_refuses_weights_of_other_variants(exported, fine_tune):
    message = "Error: the weights are for the variant owt; this program has paper, one_tower, caffe."
    with np.load(exported) as weights, pytest.raises(SystemExit, match=message):
        fine_tune.build(weights, (67, 67, 3))


def test_it_refuses_missing_files_and_overwrites_nothing(fine_tune, monkeypatch, tmp_path, capsys):
    weights, images, output = (tmp_path / f"{name}.npz" for name in ("weights", "images", "tuned"))
    weights.touch()
    output.touch()
    with pytest.raises(SystemExit):
        run(fine_tune, monkeypatch, weights, images, output)
    assert f"there is no file {images}; check the path" in capsys.readouterr().err
    images.touch()
    with pytest.raises(SystemExit):
        run(fine_tune, monkeypatch, weights, images, output)
    assert f"{output} exists; choose another name" in capsys.readouterr().err


def test_images_labels_and_probabilities_are_written(model, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(shapes, "NUM_IMAGES", {"train": 20, "validation": 10})
    write_images = module("write_images")
    output = tmp_path / "images.npz"
    run(write_images, monkeypatch, model, output, "--train-images", 16)
    with np.load(output) as file:
        assert {name: (file[name].shape, str(file[name].dtype)) for name in file} == {
            "train_images": ((16, 67, 67, 3), "uint8"),
            "train_labels": ((16,), "int64"),
            "validation_images": ((10, 67, 67, 3), "uint8"),
            "validation_labels": ((10,), "int64"),
            "probabilities": ((10, 3), "float32"),
        }
        assert file["validation_labels"].tolist() == [*range(10)]
        ours = load_model(model)(file["validation_images"]).numpy()
        np.testing.assert_allclose(file["probabilities"], ours, atol=1e-6)

    with pytest.raises(SystemExit):
        run(write_images, monkeypatch, model, output)
    assert f"{output} exists; choose another name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(write_images, monkeypatch, tmp_path / "no.keras", tmp_path / "other.npz")
    assert "There is no model file" in capsys.readouterr().err


def test_the_releases_are_the_last_ones_that_work_together():
    lines = (EXAMPLE / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert PINS.items() <= pins.items()
    assert all(version in PAGE for version in PINS.values())


def test_the_page_names_every_file():
    for path in EXAMPLE.iterdir():
        assert path.is_dir() or f"examples/tensorflow_addons/{path.name}" in PAGE, path.name


def test_every_replacement_exists():
    table = re.search(r"\| TensorFlow Addons \| .*?\n\n", PAGE, re.DOTALL)[0]
    names = re.findall(r"`keras\.([\w.]+)", table)
    assert len(names) >= 10
    for name in names:
        value = keras
        for part in name.split("."):
            value = getattr(value, part)


def older_python() -> str:
    """A Python that TensorFlow 2.15 supports."""
    this = f"{sys.base_prefix}/bin/python3" if sys.version_info < (3, 12) else None
    found = this or shutil.which("python3.11") or shutil.which("python3.10")
    if found is None:
        pytest.skip("TensorFlow 2.15 needs Python 3.10 or 3.11, and neither is on the path")
    return found


@pytest.fixture(scope="module")
def addons(tmp_path_factory):
    """A function that runs Python in an environment with TensorFlow Addons, and returns its output."""
    folder = tmp_path_factory.mktemp("addons") / "tfa"
    subprocess.run([older_python(), "-m", "venv", folder], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def python(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [folder / "bin" / "python", *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)

    installed = python("-m", "pip", "install", "--quiet", "--requirement", EXAMPLE / "requirements.txt")
    if "(from versions: none)" in installed.stderr:
        pytest.skip(f"pip finds no release: {installed.stderr.splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.mark.slow
def test_the_example_fine_tunes_with_tensorflow_addons(addons, monkeypatch, tmp_path):
    run_folder, weights, images, tuned = (tmp_path / name for name in ("run", "weights.npz", "images.npz", "tuned.npz"))
    recipe = ("--recipe", "small", "--epochs", 2, "--set", "precision=float32")
    assert cli("train", "--data", "shapes", *recipe, "--run", run_folder).code == 0
    assert cli("weights", "export", run_folder, "--output", weights).code == 0
    run(module("write_images"), monkeypatch, run_folder / "model.keras", images)

    done = addons(EXAMPLE / "fine_tune.py", weights, images, tuned)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    losses, scores = ([float(each) for each in re.findall(rf"{name} ([\d.]+)", done.stdout)] for name in ("loss", "F1"))
    difference = float(re.search(r"Keras 3 +(\S+)", done.stdout)[1])
    assert difference < 1e-5
    assert losses[1] < losses[0]
    assert scores[1] > scores[0]

    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    values: dict[str, object] = {}
    exec(compile(program, "tensorflow_addons.md", "exec"), values)  # prints the largest difference
    assert abs(values["difference"]).max() < 1e-5
    assert load_model("tuned.keras").layers[-1].class_names == shapes.CLASS_NAMES


@pytest.mark.slow
def test_weight_decay_converts_as_the_page_says(addons):
    program = """
import tensorflow as tf
import tensorflow_addons as tfa

weights = tf.Variable([2.0, -1.0])
optimizer = tfa.optimizers.SGDW(weight_decay=1e-3, learning_rate=0.1, momentum=0.9)
for _ in range(5):
    optimizer.apply_gradients([(tf.sin(weights), weights)])
print(weights.numpy().tolist())
"""
    done = addons("-c", program)
    assert done.returncode == 0, done.stderr
    weights = keras.Variable([2.0, -1.0])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=1e-3 / 0.1)
    for _ in range(5):
        optimizer.apply([keras.ops.sin(weights)], [weights])
    np.testing.assert_allclose(weights.numpy(), json.loads(done.stdout), rtol=1e-6)
