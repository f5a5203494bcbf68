"""One run through every command: the same errors from every format."""

from pathlib import Path

import pytest
from support import cli

from alexnet_keras.inference.predictor import bytes_of
from alexnet_keras.inference.versions import find_saved_model


@pytest.fixture(scope="module")
def exports(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    outputs = {}
    for kind, name in (("saved_model", "served"), ("tflite", "model.tflite")):
        outputs[kind] = cli("export", run, "--format", kind, "--output", folder / name, "--json")
    return outputs


@pytest.mark.parametrize("kind", ["saved_model", "tflite"])
def test_an_export_reports_what_it_differs_in(exports, kind):
    values = exports[kind].json
    assert values["max_abs_difference"] < 1e-5
    assert values["top1_agreement"] == 1
    assert values["num_images"] == 9
    assert values["bytes"] == bytes_of(Path(values["path"]))


def test_a_saved_model_is_served_from_its_folder(exports):
    served = Path(exports["saved_model"].json["path"])
    assert [path.name for path in served.iterdir()] == ["1"]
    assert find_saved_model(served) == find_saved_model(served / "1") == served / "1"


def test_every_format_has_the_same_errors(run, folder, exports):
    models = [run, run / "model.keras", *(result.json["path"] for result in exports.values())]
    results = [cli("evaluate", model, "--data", folder, "--json").json for model in models]
    assert results[0]["num_images"] == 9
    for result in results:
        assert all(result[name] == results[0][name] for name in ("top1_error", "top5_error", "num_images", "crops"))


def test_every_format_gives_the_same_prediction(run, folder, exports):
    image = folder / "val" / "red" / "1.png"
    models = [run, *(result.json["path"] for result in exports.values())]
    results = [cli("predict", model, image, "--json").json[0] for model in models]
    for result in results:
        assert result["file"] == str(image)
        assert sum(item["probability"] for item in result["predictions"]) == pytest.approx(1, abs=1e-5)
        for item, other in zip(result["predictions"], results[0]["predictions"], strict=True):
            assert item["class"] == other["class"] == item["label"]
            assert item["probability"] == pytest.approx(other["probability"], abs=1e-5)
