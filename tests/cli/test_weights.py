"""The commands `weights`."""

import dataclasses

import numpy as np
import pytest
from support import cli, only_error
from support.weight_files import narrow

from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model, weights_of
from alexnet_keras.weights import trained_weights


def test_a_narrow_model_through_both_commands(tmp_path, monkeypatch):
    model = AlexNet(narrow(), classes=3, input_shape=(131, 131, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    monkeypatch.setitem(ARCHITECTURES, "paper", narrow(name="paper", input_size=131))
    trained_weights.export(tmp_path / "a.npz", dataclasses.replace(weights_of(model), variants=("paper",)))
    result = cli("weights", "import", tmp_path / "a.npz", "--variant", "paper", "--output", tmp_path / "a.keras")
    assert result.code == 0, result.err
    assert "missing" not in result.out
    result = cli("weights", "export", tmp_path / "a.keras", "--output", tmp_path / "b.safetensors", "--json")
    assert result.json["layers"] == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    out = cli("weights", "export", tmp_path / "a.keras", "--output", tmp_path / "b.npz").out
    assert [line.split()[0] for line in out.splitlines()] == ["wrote", "model", "size", "layers"]
    before, after = trained_weights.read(tmp_path / "a.npz"), trained_weights.read(tmp_path / "b.safetensors")
    assert (after.mean, after.class_names, after.variants) == (before.mean, ("a", "b", "c"), ("paper",))
    for layer, values in before.layers.items():
        for key, value in values.items():
            np.testing.assert_array_equal(after.layers[layer][key], value)

    nameless = dataclasses.replace(before, class_names=None)
    trained_weights.export(tmp_path / "d.npz", nameless)
    result = cli("weights", "import", tmp_path / "d.npz", "--variant", "paper", "--output", tmp_path / "d.keras")
    assert result.code == 0, result.err
    assert load_model(tmp_path / "d.keras").layers[-1].class_names is None  # 3 classes

    lacking = {name: values for name, values in before.layers.items() if name != "fc8"}
    trained_weights.export(tmp_path / "c.npz", dataclasses.replace(before, layers=lacking))
    arguments = ["weights", "import", tmp_path / "c.npz", "--variant", "paper", "--output", tmp_path / "c.keras"]
    result = cli(*arguments)
    assert result.code == 1
    assert "c.npz lacks fc8; pass --allow-missing for initial weights there." in only_error(result)
    assert not (tmp_path / "c.keras").exists()
    assert "fc8, missing in" in cli(*arguments, "--allow-missing").out
    assert load_model(tmp_path / "c.keras").layers[-1].class_names[0] == "n01440764"  # 1,000 classes, as ImageNet's


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "a.npz", "--variant", "paper", "--output", "a.h5"), 2, "--output must end in .keras, got 'a.h5'"),
        (("import", "a.npz", "--variant", "paper", "--output", "b.keras"), 2, "The weights file a.npz does not exist"),
        (("import", "a.npz", "--variant", "paper", "--output", "there.keras"), 1, "there.keras exists; choose another"),
        (("import", "a.npz", "--variant", "paper", "--output", "there.keras/b.keras"), 1, "b.keras cannot be written"),
        (("export", "there.keras", "--output", "b.pth"), 2, "--output must end in .npz or .safetensors, got 'b.pth'"),
    ],
)
def test_what_the_commands_refuse(arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.keras").touch()
    result = cli("weights", *arguments)
    assert message in only_error(result)
    assert result.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["there.keras"]


def test_a_missing_file_is_reported_before_tensorflow_is_imported(monkeypatch):
    monkeypatch.setattr("alexnet_keras.cli.options.load_tensorflow", lambda: pytest.fail("TensorFlow is imported"))
    result = cli("weights", "import", "absent.npz", "--variant", "paper", "--output", "b.keras")
    assert "The weights file absent.npz does not exist; check the path." in only_error(result)
