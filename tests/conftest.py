"""Small data that the tests draw themselves, and one short run that many tests look at."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from alexnet_keras.cli.main import main
from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.data import pipeline
from alexnet_keras.data.dataset import DataSet
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import LayerSummary, summarize

CLASS_NAMES = ("blue", "green", "red")
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def draw_folder(root: Path, train: int = 4, val: int = 3, size: tuple[int, int] = (72, 64)) -> Path:
    """A folder of pictures whose classes are colours: `train` and `val` pictures a class."""
    random = np.random.RandomState(0)
    for split, count in (("train", train), ("val", val)):
        for label, name in enumerate(CLASS_NAMES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = random.randint(0, 60, size=(*size, 3), dtype=np.uint8)
                pixels[..., 2 - label] += 180
                Image.fromarray(pixels).save(folder / f"{index}.{('jpg', 'png', 'JPEG')[index % 3]}")
    return root


def cli(*arguments: object) -> SimpleNamespace:
    """Run the command line in this process: exit code, both outputs, and the JSON of standard output if it is any."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    try:
        values = json.loads(result.stdout)
    except ValueError:
        values = None
    return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr, json=values)


def only_error(result: SimpleNamespace) -> str:
    """The one line that a failed command left on standard error."""
    lines = [line for line in result.err.splitlines() if line]
    assert len(lines) == 1, result.err
    assert lines[0].startswith("Error: ")
    assert result.out == ""
    return lines[0]


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(scope="session")
def run(folder, tmp_path_factory) -> Path:
    """The folder of a run of two epochs over twelve pictures."""
    path = tmp_path_factory.mktemp("runs") / "colours"
    result = cli("train", "--data", folder, "--epochs", 2, "--batch-size", 5, "--run", path)
    assert result.code == 0, result.err
    return path


def tiny_architecture() -> Architecture:
    return Architecture(name="tiny", towers=2, filters=(8, 8, 8, 8, 8), hidden_units=(16, 16), initializer="he_normal")


@pytest.fixture
def tiny() -> Architecture:
    """The paper's network with a few maps: its layers, and none of its weight."""
    return tiny_architecture()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> DataSet:
    """Colours, with enough training pictures to calibrate an export."""
    return open_dataset(str(draw_folder(tmp_path_factory.mktemp("dataset") / "colours", train=8)))


@pytest.fixture(scope="session")
def trained(dataset, tmp_path_factory) -> Path:
    """The `.keras` file of a tiny network for 67 pixels that knows the colours apart."""
    keras.utils.set_random_seed(0)
    architecture = dataclasses.replace(tiny_architecture(), dropout=0)
    model = AlexNet(architecture, classes=3, input_shape=(67, 67, 3), class_names=CLASS_NAMES)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = pipeline.eval_dataset(dataset.train, input_size=67, batch_size=8)
    history = model.fit(batches.cache(), epochs=20, verbose=0)
    assert history.history["accuracy"][-1] == 1
    path = tmp_path_factory.mktemp("trained") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def model(trained, tmp_path) -> Path:
    """The same in a folder of its own."""
    return Path(shutil.copy(trained, tmp_path / "model.keras"))


@pytest.fixture(scope="session")
def summaries() -> dict[str, list[LayerSummary]]:
    """The layers of every variant at its full width, which takes a second or two to build."""
    return {name: summarize(AlexNet(name)) for name in ARCHITECTURES}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real photographs are not on this machine")
    return SHARED_DATA
