"""Exports pass the parity check with their Keras model, or nothing is kept of them."""

import dataclasses
import importlib
import json
import os
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import CLASS_NAMES, cli, draw_folder, only_error

from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export import export
from alexnet_keras.export.export import Target
from alexnet_keras.export.parity import Measurement, Parity
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError, RunError

SAME = Measurement(top1_error=0.2, top5_error=0.05, milliseconds=10, images_per_second=100)


@pytest.fixture(scope="module")
def exported(trained, dataset, tmp_path_factory):
    """A TFLite file beside its model, and what `export` returned."""
    model = Path(shutil.copy(trained, tmp_path_factory.mktemp("exported") / "model.keras"))
    target = Target(format="tflite", batch_size=2)
    return target.default_path(model), export.export(model, target, target.default_path(model), dataset)


@pytest.fixture
def unmeasured(monkeypatch):
    """Replace the parity check by one that every export passes, which saves the time of the measurements."""
    monkeypatch.setattr(export, "check_parity", lambda *predictors: Parity(9, 0.0, 1.0, SAME, SAME))


def test_an_export_equals_the_model(exported, trained, dataset):
    path, result = exported
    assert result["path"] == str(path)
    assert result["max_abs_difference"] < 1e-5
    assert result["top1_agreement"] == 1
    assert result["num_images"] == 9
    assert result["keras"]["top1_error"] == result["exported"]["top1_error"]
    assert result["bytes"] == path.stat().st_size > 10_000
    predictor, original = load_predictor(path), load_predictor(trained)
    assert predictor.class_names == CLASS_NAMES
    assert predictor.input_size == 67
    images = np.random.RandomState(0).randint(0, 256, (5, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_allclose(predictor.predict(images), original.predict(images), atol=1e-5)
    with pytest.raises(InputError, match="exists; choose another `output`, or remove it"):
        export.export(path.with_suffix(".keras"), Target(format="tflite"), path, dataset)


def test_export_json_has_an_entry_for_each_export_that_exists(exported, dataset, tmp_path, unmeasured):
    path, result = exported
    assert json.loads((path.parent / "export.json").read_text()) == {
        "model.tflite": {name: value for name, value in result.items() if name != "path"}
    }
    assert set(result) == {
        "path", "format", "quantize", "batch_size", "bytes", "num_images", "max_abs_difference", "top1_agreement",
        "keras", "exported", "equal_class_names", "shortcomings", "calibration", "provenance",
    }  # fmt: skip
    assert result["batch_size"] == 2
    for side in ("keras", "exported"):
        assert set(result[side]) == {"top1_error", "top5_error", "milliseconds", "images_per_second"}
        assert result[side]["milliseconds"] > 0
        assert result[side]["images_per_second"] > 0
    folder = shutil.copytree(path.parent, tmp_path / "copy")
    target = Target(format="keras")
    export.export(folder / "model.keras", target, folder / "model-export.keras", dataset)
    assert set(json.loads((folder / "export.json").read_text())) == {"model.tflite", "model-export.keras"}
    (folder / "model.tflite").unlink()
    export.export(folder / "model.keras", target, folder / "other.keras", dataset)
    assert set(json.loads((folder / "export.json").read_text())) == {"model-export.keras", "other.keras"}


def test_a_damaged_report_is_refused(model, dataset):
    (model.parent / "export.json").write_text("[")
    with pytest.raises(InputError, match="export.json is damaged; remove it, and the next export writes a new one"):
        export.export(model, Target(format="tflite"), model.with_suffix(".tflite"), dataset)


def test_a_bad_image_is_named(model, tmp_path):
    root = draw_folder(tmp_path / "colours")
    (root / "val" / "red" / "0.jpg").write_text("no image")
    with pytest.raises(InputError, match="val/red/0.jpg is not a complete"):
        export.export(model, Target(format="keras"), tmp_path / "out.keras", open_dataset(str(root)))
    assert not (tmp_path / "out.keras").exists()


def test_an_export_that_fails_the_parity_check_is_removed_unless_forced(model, dataset, monkeypatch):
    target = Target(format="keras")
    output = target.default_path(model)
    monkeypatch.setattr(export, "check_parity", lambda *predictors: Parity(9, 0.2, 1.0, SAME, SAME))
    with pytest.raises(
        RunError,
        match="model-export.keras fails the parity check with its Keras model on 9 images: largest difference 0.2, "
        "above 0.0001. It was removed; keep it with `force=True`",
    ):
        export.export(model, target, output, dataset)
    assert list(model.parent.iterdir()) == [model]
    result = export.export(model, target, output, dataset, force=True)
    assert output.exists()
    assert result["shortcomings"] == ["largest difference 0.2, above 0.0001"]


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("tflite", "model.lite", "`output` must end in .tflite, got 'model.lite'; try 'model.tflite'"),
        ("keras", "model.h5", "`output` must end in .keras, got 'model.h5'; try 'model.keras'"),
        ("onnx", "model", "`output` must end in .onnx, got 'model'; try 'model.onnx'"),
        ("saved_model", "file/inside", "cannot be written"),
    ],
)
def test_an_output_that_cannot_be_is_refused(kind, name, message, model, dataset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((InputError, OptionError), match=message):
        export.export(model, Target(format=kind), tmp_path / name, dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "keras", "quantize": "int8"}, "The format keras has no `quantize` 'int8'; choose from none"),
        ({"format": "coreml"}, "There is no `format` 'coreml'; choose from saved_model, tflite, onnx, keras"),
        ({"format": "saved_model", "quantize": "float16"}, "The format saved_model has no `quantize` 'float16'"),
        ({"format": "tflite", "batch_size": 10**18}, "`batch_size` must be 1 to 64, got 1000000000000000000"),
        ({"format": "saved_model", "batch_size": 2}, "`batch_size` 2 has no effect on the format saved_model"),
    ],
)
def test_an_option_that_the_format_does_not_have_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        Target(**options)


def test_unusable_calibration_data_is_refused(model, dataset, folder, tmp_path):
    for quantize in ("none", "dynamic"):
        with pytest.raises(
            OptionError, match="`calibration` colours has no effect: only `quantize` int8 and int8-only"
        ):
            export.export(model, Target(format="tflite", quantize=quantize), tmp_path / "o.tflite", dataset, dataset)
    one = open_dataset(str(draw_folder(tmp_path / "one", train=1)))
    with pytest.raises(
        InputError, match="one has 3 training images, but calibration needs at least 20; choose a larger"
    ):
        export.export(model, Target(format="tflite", quantize="int8"), tmp_path / "o.tflite", dataset, one)
    few = open_dataset(str(folder))
    with pytest.raises(InputError, match="colours has 12 training images, but calibration needs at least 20"):
        export.export(model, Target(format="tflite", quantize="int8"), tmp_path / "o.tflite", few)


def test_other_classes_are_refused_unless_only_probabilities_are_compared(tiny, dataset, tmp_path):
    AlexNet(tiny, classes=2, input_shape=(67, 67, 3), class_names=("a", "b")).save(tmp_path / "m.keras")
    arguments = tmp_path / "m.keras", Target(format="tflite"), tmp_path / "o.tflite", dataset
    with pytest.raises(
        InputError, match=r"The model has 2 classes \(a, b\), but .* has 3 \(blue, green, red\); use data"
    ):
        export.export(*arguments)
    result = export.export(*arguments, any_classes=True)
    assert (result["top1_agreement"], result["keras"]["top1_error"]) == (1, None)


def test_a_full_disk_is_one_line(model, dataset, tmp_path, monkeypatch):
    for error in (
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left"),
    ):

        def write(*arguments, error=error):
            raise error

        monkeypatch.setattr(export.saved_model, "write", write)
        with pytest.raises(InputError, match="The output .*out cannot be written .*No space left.*; choose another"):
            export.export(model, Target(format="saved_model"), tmp_path / "out", dataset)


@pytest.mark.parametrize(
    ("free", "message"),
    [
        (lambda path: 0, r"The export .*out.tflite needs 2.1\d MB, but the disk of .* has 0.00 MB free; remove files"),
        (lambda path: 10**9 * (path.suffix == ".tflite"), r"The conversion to tflite needs 2.1\d MB, but the disk of "),
    ],
)
def test_the_disk_is_checked_before_the_conversion(free, message, model, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("alexnet_keras.system.disk.free_bytes", free)
    with pytest.raises(InputError, match=message):
        export.export(model, Target(format="tflite"), tmp_path / "out.tflite", dataset)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_exports_start_from_a_keras_model(dataset, tmp_path):
    with pytest.raises(InputError, match=r"model.tflite is no Keras model; export a run, a .keras or an .alexnet"):
        export.export(tmp_path / "model.tflite", Target(format="saved_model"), tmp_path / "out", dataset)


def test_a_failed_export_leaves_nothing(model, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "check_parity", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.export(model, Target(format="keras"), tmp_path / "sub" / "model.keras", dataset)
    assert not (tmp_path / "sub").exists()


def test_an_export_appears_after_its_entry(model, dataset, tmp_path, monkeypatch):
    """A killed process may leave an entry without an export, but no export without an entry."""
    found = []

    def replace(source, target):
        original(source, target)
        if Path(target).parent == tmp_path:
            found.append(Path(target).name)

    original = os.replace
    monkeypatch.setattr(os, "replace", replace)
    export.export(model, Target(format="keras"), tmp_path / "copy.keras", dataset)
    assert found == ["export.json", "copy.keras"]
    (tmp_path / "copy.keras").unlink()
    assert export.read_report(tmp_path) == {}


def test_all_formats_are_compared_in_one_table(model, data_folder, monkeypatch, tmp_path):
    forms = {name: dataclasses.replace(export.FORMATS[name], write=copy) for name in ("saved_model", "keras", "onnx")}
    monkeypatch.setattr(export, "FORMATS", {**forms, "tflite": dataclasses.replace(forms["onnx"], suffix=".tflite")})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else True)
    assert {target.format for target in export.every_target()} == {"saved_model", "keras"}
    monkeypatch.undo()

    monkeypatch.setattr(export, "load_predictor", lambda path: load_predictor(model))
    monkeypatch.setattr(export, "FORMATS", {"keras": forms["keras"], "tflite": TWO_KINDS})
    found = iter([Parity(9, 0.0, 1.0, SAME, SAME), Parity(9, 0.0, 1.0, SAME, SAME), Parity(9, 0.2, 0.5, SAME, SAME)])
    monkeypatch.setattr(export, "check_parity", lambda *predictors: next(found))
    arguments = ["--format", "all", "--data", data_folder, "--output", tmp_path / "all"]
    result = cli("export", model, *arguments)
    lines = [re.split(" {2,}", line.strip()) for line in result.out.splitlines()]
    assert lines[0] == ["MB", "difference", "equal top-1", "top-1, top-5 val error", "ms/image", "images/s"]
    assert lines[1] == ["Keras model", "20.00%, 5.00%", "10.0", "100"]
    assert [line[0] for line in lines[2:4]] == ["model-export.keras", "model.tflite"]
    assert lines[4] == ["These are measured on 9 validation images."]
    assert result.err.startswith("Error: model-dynamic.tflite fails the parity check")
    assert result.code == 1
    written = {path.name for path in (tmp_path / "all").iterdir()}
    assert written == {"export.json", "model-export.keras", "model.tflite"}
    assert "model-export.keras exists; choose another --output" in only_error(cli("export", model, *arguments))

    found = iter([Parity(9, 0.0, 1.0, SAME, SAME), *2 * [Parity(9, 0.2, 0.5, SAME, SAME)]])
    errors = cli("export", model, *arguments[:-1], tmp_path / "other").err.splitlines()
    assert [error.split()[1] for error in errors] == ["model.tflite", "model-dynamic.tflite"]
    assert all(error.startswith("Error: ") and error.endswith("keep it with --force.") for error in errors)


def copy(model, path, *_):
    model.save(path.with_suffix(".keras"))
    path.with_suffix(".keras").rename(path)


TWO_KINDS = dataclasses.replace(export.FORMATS["tflite"], quantizations=("none", "dynamic"), write=copy)


@pytest.fixture
def data_folder(dataset):
    return Path(dataset.validation.names[0]).parents[2]


@pytest.mark.parametrize(
    ("kind", "quantize"),
    [("tflite", "int8-only"), ("onnx", "int8"), ("keras", "none")],  # test_end_to_end has the others
)
def test_evaluate_and_predict_take_every_format(kind, quantize, model, data_folder):
    options = ["--format", kind, "--quantize", quantize, "--data", data_folder]
    result = cli("export", model, *options)
    assert result.code == 0, result.err
    path = result.out.splitlines()[0].removeprefix("wrote").strip()
    assert "of 9 validation images\n                    These are all images; 500 would" in result.out
    assert re.search(r"^top-1 val error +0.00% +0.00%$", result.out, re.MULTILINE)
    assert re.search(r"^images/s, 32 images in a call +[\d,]+ +[\d,]+$", result.out, re.MULTILINE)
    evaluation = cli("evaluate", path, "--data", data_folder, "--json").json
    expected = {"top1_error": 0.0, "top5_error": 0.0, "num_images": 9, "crops": 1}
    assert {name: evaluation[name] for name in expected} == expected
    (result,) = cli("predict", path, data_folder / "val" / "red" / "1.png", "--json").json
    assert result["predictions"][0]["class"] == "red"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--format", "keras", "--quantize", "int8"], 2, "The format keras has no --quantize 'int8'; choose from none"),
        (
            ["--format", "onnx", "--batch-size", 4],
            2,
            "--batch-size 4 has no effect on the format onnx; only a TFLite file has a",
        ),
        (["--format", "all", "--quantize", "int8"], 2, "--quantize int8 has no effect on the format all; leave it out"),
        (["--format", "tflite", "--calibration", "DATA"], 2, "only --quantize int8 and int8-only are calibrated"),
        (
            ["--format", "tflite", "--calibration", "shapes"],
            2,
            "--calibration shapes has no effect: only --quantize int8 and",
        ),
        (
            ["--format", "tflite", "--quantize", "int8", "--calibration", "nonsense"],
            2,
            "The data set nonsense: no such",
        ),
        (["--format", "tflite", "--output", "there.tflite"], 1, "there.tflite exists; choose another --output"),
        (["--format", "onnx", "--output", "model.tflite"], 2, "--output must end in .onnx, got 'model.tflite'"),
        (["--format", "tflite", "--output", "there.tflite/m.tflite"], 1, "cannot be written"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, code, message, model, data_folder, monkeypatch):
    monkeypatch.chdir(model.parent)
    (model.parent / "there.tflite").touch()
    before = set(model.parent.iterdir())
    arguments = [data_folder if argument == "DATA" else argument for argument in arguments]
    result = cli("export", model, "--data", data_folder, *arguments)
    assert message in only_error(result)
    assert result.code == code
    assert set(model.parent.iterdir()) == before


def test_a_missing_and_a_foreign_model_are_refused_in_one_line(data_folder, tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(tmp_path / "foreign.keras")
    for name, code, message in (
        ("absent.keras", 2, "There is no model"),
        ("foreign.keras", 1, "which is not an AlexNet of this package"),
    ):
        result = cli("export", tmp_path / name, "--format", "tflite", "--data", data_folder)
        assert message in only_error(result)
        assert result.code == code
