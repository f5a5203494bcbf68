"""The .npz of features holds values, names and labels that belong together."""

import keras
import numpy as np
import pytest
from support import cli, draw_folder, largest_file, only_error

from alexnet_keras.data import pipeline
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system import disk


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "narrow.keras"
    keras.utils.set_random_seed(1)
    AlexNet("paper", classes=3, input_shape=(67, 67, 3), filters=(8,) * 5, hidden_units=(16, 12)).save(path)
    return path


@pytest.mark.parametrize(("part", "count"), [("both", 21), ("train", 12), ("validation", 9)])
def test_every_image_once_with_its_name_and_label(part, count, model, folder, tmp_path):
    path = tmp_path / "f.npz"
    arguments = ["features", model, "--data", folder, "--output", path]
    result = cli(*arguments, "--part", part, "--json")
    assert result.json == {"output": str(path), "layer": "fc7", "shape": [count, 12]}, result.err
    with np.load(path, allow_pickle=False) as file:
        found = dict(file)
    assert {key: (value.shape, value.dtype.kind) for key, value in found.items()} == {
        "features": ((count, 12), "f"),
        "names": ((count,), "U"),
        "parts": ((count,), "U"),
        "labels": ((count,), "i"),
        "class_names": ((3,), "U"),
    }
    for name, part_name, label in zip(found["names"], found["parts"], found["labels"], strict=True):
        top, class_name, _ = str(name).split("/")
        assert top == {"train": "train", "validation": "val"}[part_name]
        assert class_name == found["class_names"][label]
        assert (folder / str(name)).is_file()


def test_both_towers_and_feature_maps(model, folder, tmp_path):
    network = keras.models.load_model(model)
    split = open_dataset(str(folder)).validation
    ((images, _),) = pipeline.eval_dataset(split, input_size=67, batch_size=9)
    for layer, names in (("fc6", ("fc6a", "fc6b")), ("pool2b", ("pool2b",)), ("predictions", ("predictions",))):
        path = tmp_path / f"{layer}.npz"
        result = cli("features", model, "--data", folder, "--layer", layer, "--part", "validation", "--output", path)
        assert f"of {layer}" in result.out, result.err
        expected = [keras.Model(network.input, network.get_layer(name).output)(images) for name in names]
        with np.load(path) as file:
            np.testing.assert_allclose(file["features"], np.concatenate(expected, axis=-1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("--layer", "fc9", "--output", "f.npz"),
            2,
            "The network has no --layer 'fc9'; choose from images, mean, conv1, ",
        ),
        (("--output", "f.h5"), 2, "--output must end in .npz, got 'f.h5'"),
        (("--output", "there.npz"), 1, "The output there.npz exists; choose another --output, or remove it"),
    ],
)
def test_what_is_refused(arguments, code, message, model, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.npz").touch()
    result = cli("features", model, "--data", folder, *arguments)
    assert message in only_error(result)
    assert result.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["there.npz"]


def test_a_disk_without_space_is_refused_and_a_full_one_named(model, folder, tmp_path, monkeypatch):
    path = tmp_path / "f.npz"
    arguments = ["features", model, "--data", folder, "--output", path, "--layer", "conv1"]
    with largest_file(10_000):
        result = cli(*arguments)
    assert result.code == 1
    announced, error = result.err.splitlines()
    needed = 4 * 21 * 15 * 15 * 8 / 1e6 + 0.021  # conv1 has one name for both towers
    assert announced.startswith(f"{path}, conv1 of 21 images, needs at most {needed:,.2f} MB; ")
    assert error == f"Error: {path} cannot be written (File too large); free disk space, or write to another disk."
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1000)
    assert f"{path}, conv1 of 21 images, needs {needed:,.2f} MB, but" in only_error(cli(*arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_bad_image_or_a_model_of_another_form_leaves_no_file(model, tmp_path):
    root = draw_folder(tmp_path / "colours")
    (root / "val" / "red" / "1.png").write_text("no image")
    result = cli("features", model, "--data", root, "--output", tmp_path / "f.npz")
    announced, error = result.err.splitlines()
    assert announced.endswith("are free.")
    assert "val/red/1.png is not a complete" in error
    wide = tmp_path / "wide.keras"
    AlexNet("paper", classes=3, input_shape=(67, 71, 3), filters=(8,) * 5, hidden_units=(16, 12)).save(wide)
    result = cli("features", wide, "--data", root, "--output", tmp_path / "f.npz")
    assert "takes images of 67 x 71 pixels, but images are cropped to squares of at most 256" in only_error(result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["colours", "wide.keras"]
