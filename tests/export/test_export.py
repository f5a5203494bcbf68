"""Exports are as good as their Keras model, or leave nothing."""

import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import CLASS_NAMES, cli, draw_folder, only_error

from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export import compare, export
from alexnet_keras.export.compare import BOUNDS, Measurement, Parity
from alexnet_keras.export.export import Target
from alexnet_keras.inference.predictor import Predictor, load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError, RunError


def test_an_export_equals_the_model(model, dataset):
    target = Target(format="tflite")
    output = target.default_path(model)
    result = export.export(model, target, output, dataset)
    assert result["path"] == str(output)
    assert result["max_abs_difference"] < 1e-5
    assert result["top1_agreement"] == 1
    assert result["num_images"] == 9
    assert result["keras"]["top1_error"] == result["exported"]["top1_error"]
    assert result["bytes"] > 10_000
    predictor, original = load_predictor(output), load_predictor(model)
    assert predictor.class_names == CLASS_NAMES
    assert predictor.input_size == 67
    images = np.random.RandomState(0).randint(0, 256, (5, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_allclose(predictor.predict(images), original.predict(images), atol=1e-5)
    with pytest.raises(InputError, match="exists; choose another `output`, or remove it"):
        export.export(model, target, output, dataset)


def test_export_json_has_an_entry_for_each_export_that_is_there(model, dataset):
    report = model.parent / "export.json"
    first, second = Target(format="tflite", batch_size=2), Target(format="keras")
    result = export.export(model, first, first.default_path(model), dataset)
    assert json.loads(report.read_text()) == {
        "model.tflite": {name: value for name, value in result.items() if name != "path"}
    }
    assert set(result) == {
        "path", "format", "quantize", "batch_size", "bytes", "num_images", "max_abs_difference", "top1_agreement",
        "keras", "exported", "shortcomings", "calibration", "provenance",
    }  # fmt: skip
    for side in ("keras", "exported"):
        assert set(result[side]) == {"top1_error", "top5_error", "milliseconds", "images_per_second"}
        assert result[side]["milliseconds"] > 0
        assert result[side]["images_per_second"] > 0
    first.default_path(model).unlink()
    export.export(model, second, second.default_path(model), dataset)
    assert set(json.loads(report.read_text())) == {"model-export.keras"}


def test_a_damaged_report_is_refused(model, dataset):
    (model.parent / "export.json").write_text("[")
    with pytest.raises(InputError, match="export.json is damaged; remove it, and exports begin another"):
        export.export(model, Target(format="tflite"), model.with_suffix(".tflite"), dataset)


def test_a_bad_image_is_named(model, tmp_path):
    root = draw_folder(tmp_path / "colours")
    (root / "val" / "red" / "0.jpg").write_text("no picture")
    with pytest.raises(InputError, match="val/red/0.jpg is not a complete"):
        export.export(model, Target(format="tflite"), tmp_path / "out.tflite", open_dataset(str(root)))
    assert not (tmp_path / "out.tflite").exists()


def constant(*probabilities):
    row = np.array([probabilities], np.float32)
    return Predictor(lambda images: np.repeat(row, len(images), axis=0), 227, CLASS_NAMES)


def test_the_proof_sees_a_difference(dataset):
    result = compare.check_parity(constant(0.5, 0.3, 0.2), constant(0.3, 0.5, 0.2), dataset.validation)
    assert result.num_images == 9
    assert result.max_abs_difference == pytest.approx(0.2)
    assert result.top1_agreement == 0
    assert result.keras.top1_error == result.exported.top1_error == pytest.approx(2 / 3)


SAME = Measurement(top1_error=0.2, top5_error=0.05, milliseconds=10, images_per_second=100)
GOOD = Parity(500, 0.0, 1.0, SAME, SAME)


@pytest.mark.parametrize(
    ("quantize", "changes", "words"),
    [
        ("none", {"max_abs_difference": 1e-4}, None),
        ("none", {"max_abs_difference": 1.1e-4}, "a probability differs by 0.00011, more than 0.0001"),
        ("none", {"max_abs_difference": float("nan")}, "a probability differs by nan"),
        ("none", {"top1_agreement": 0.998}, "99.80% have the same most probable class, less than 99.9%"),
        ("float16", {"max_abs_difference": 0.1, "top1_agreement": 0.996}, None),
        ("float16", {"top1_agreement": 0.994}, "99.40% have the same most probable class, less than 99.5%"),
        ("dynamic", {"top1_agreement": 0.978}, "97.80% have the same most probable class, less than 98.0%"),
        ("int8", {"top1_agreement": 0.982, "exported": dataclasses.replace(SAME, top1_error=0.21)}, None),
        (
            "int8",
            {"exported": dataclasses.replace(SAME, top1_error=0.212)},
            "the top-1 error is 21.20% instead of 20.00%, over 1% more",
        ),
        ("int8-only", {"exported": dataclasses.replace(SAME, top1_error=0.22)}, None),
        (
            "int8-only",
            {"exported": dataclasses.replace(SAME, top5_error=0.072)},
            "the top-5 error is 7.20% instead of 5.00%, over 2% more",
        ),
    ],
)
def test_bounds(quantize, changes, words):
    found = dataclasses.replace(GOOD, **changes).shortcomings(BOUNDS[quantize])
    assert (found == []) if words is None else (len(found) == 1 and found[0].startswith(words))


def test_an_export_out_of_bounds_leaves_nothing_unless_forced(model, dataset, monkeypatch):
    target = Target(format="keras")
    output = target.default_path(model)
    monkeypatch.setitem(BOUNDS, "none", compare.Bounds(difference=-1.0))
    with pytest.raises(RunError, match="model-export.keras is not as good as its Keras model on 9 pictures: .*--force"):
        export.export(model, target, output, dataset)
    assert list(model.parent.iterdir()) == [model]
    result = export.export(model, target, output, dataset, force=True)
    assert output.exists()
    assert result["shortcomings"][0].endswith("more than -1")


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
        ({"format": "keras", "quantize": "int8"}, "--quantize int8: the format keras has only none"),
        ({"format": "coreml"}, "There is no format 'coreml'; choose from saved_model, tflite, onnx, keras"),
        ({"format": "saved_model", "quantize": "float16"}, "--quantize float16: the format saved_model has only none"),
        (
            {"format": "saved_model", "batch_size": 2},
            "--batch-size 2: the format saved_model takes batches of any size",
        ),
    ],
)
def test_an_option_that_the_format_does_not_have_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        Target(**options)


def test_a_calibration_that_cannot_be_is_refused(model, dataset, folder, tmp_path):
    for quantize in ("none", "dynamic"):
        with pytest.raises(OptionError, match="--calibration colours: only --quantize int8 and int8-only use it"):
            export.export(model, Target(format="tflite", quantize=quantize), tmp_path / "o.tflite", dataset, dataset)
    one = open_dataset(str(draw_folder(tmp_path / "one", train=1)))
    with pytest.raises(InputError, match="one has 3 training pictures, and calibration needs at least 20; name more"):
        export.export(model, Target(format="tflite", quantize="int8"), tmp_path / "o.tflite", dataset, one)
    few = open_dataset(str(folder))
    with pytest.raises(InputError, match="colours has 12 training pictures, and calibration needs at least 20"):
        export.export(model, Target(format="tflite", quantize="int8"), tmp_path / "o.tflite", few)


def test_other_classes_are_refused(tiny, dataset, tmp_path):
    AlexNet(tiny, classes=2, input_shape=(67, 67, 3), class_names=("a", "b")).save(tmp_path / "m.keras")
    with pytest.raises(
        InputError, match=r"The model has 2 classes \(a, b\), but .* has 3 \(blue, green, red\); use data"
    ):
        export.export(tmp_path / "m.keras", Target(format="tflite"), tmp_path / "o.tflite", dataset)


def test_a_full_disk_is_one_line(model, dataset, tmp_path, monkeypatch):
    for error in (
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left"),
    ):

        def write(model, path, error=error):
            raise error

        monkeypatch.setattr(export.saved_model, "write", write)
        with pytest.raises(InputError, match="The output .*out cannot be written .*No space left.*; choose another"):
            export.export(model, Target(format="saved_model"), tmp_path / "out", dataset)


def test_exports_start_from_a_keras_model(dataset, tmp_path):
    with pytest.raises(InputError, match=r"model.tflite is no Keras model; exports start from a run or a .keras file"):
        export.export(tmp_path / "model.tflite", Target(format="saved_model"), tmp_path / "out", dataset)


def test_a_failed_export_leaves_nothing(model, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "check_parity", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.export(model, Target(format="keras"), tmp_path / "sub" / "model.keras", dataset)
    assert list((tmp_path / "sub").iterdir()) == []


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
    assert "of 9 validation images\n                    all there are; 500 would say more\n" in result.out
    assert re.search(r"^top-1 error +0.00% +0.00%$", result.out, re.MULTILINE)
    assert re.search(r"^images a second, by 32 +[\d,]+ +[\d,]+$", result.out, re.MULTILINE)
    evaluation = cli("evaluate", path, "--data", data_folder, "--json").json
    assert evaluation == {"top1_error": 0.0, "top5_error": 0.0, "num_images": 9, "crops": 1}
    (result,) = cli("predict", path, data_folder / "val" / "red" / "1.png", "--json").json
    assert result["predictions"][0]["class"] == "red"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--format", "keras", "--quantize", "int8"], 2, "--quantize int8: the format keras has only none"),
        (["--format", "onnx", "--batch-size", 4], 2, "--batch-size 4: the format onnx takes batches of any size"),
        (["--format", "tflite", "--calibration", "DATA"], 2, "only --quantize int8 and int8-only use it"),
        (["--format", "tflite", "--calibration", "nonsense"], 2, "--calibration nonsense: only --quantize int8 and"),
        (
            ["--format", "tflite", "--quantize", "int8", "--calibration", "nonsense"],
            2,
            "--calibration nonsense: no such",
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
