"""What `benchmark inference` measures and prints."""

import pytest
from support import cli, only_error

from alexnet_keras.benchmark import inference
from alexnet_keras.export import tflite
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model = AlexNet("paper", filters=(8,) * 5, hidden_units=(16, 16), classes=3, input_shape=(67, 67, 3))
    model.save(folder / "model.keras")
    archive.write(model, folder / "model.alexnet")
    tflite.write(model, folder / "model.tflite")
    return [folder / f"model.{suffix}" for suffix in ("keras", "alexnet", "tflite")]


def test_benchmark_inference_as_json(models, monkeypatch):
    monkeypatch.setattr(inference, "READ_BYTES", 2**20)
    result = cli("benchmark", "inference", *models, "--rounds", 2, "--json")
    assert result.code == 0, result.err
    bandwidth = result.json["read_gigabytes_per_second"]
    for path, values in zip(models, result.json["models"], strict=True):
        assert (values["model"], values["bytes"]) == (str(path), path.stat().st_size)
        for name in ("milliseconds", "images_per_second"):
            low, high = values["spread"][name]
            assert 0 < low <= values[name] <= high
        read = values["bytes"] / values["milliseconds"] / 1e6 / bandwidth
        rounding = 0.005 / bandwidth  # it has two decimals
        expected = None if path.suffix == ".alexnet" else pytest.approx(read, rel=0.01 + 2 * rounding, abs=1e-3)
        assert values["fraction_of_bandwidth"] == expected


def test_benchmark_inference_for_people(models, monkeypatch, tmp_path):
    monkeypatch.setattr(inference, "READ_BYTES", 2**20)
    result = cli("benchmark", "inference", models[2], "--rounds", 1)
    assert result.code == 0, result.err
    for words in ("model.tflite", "GB/s read", "one image  ", "fraction of bandwidth"):
        assert words in result.out
    assert "There is no model" in only_error(cli("benchmark", "inference", tmp_path / "none.tflite"))
