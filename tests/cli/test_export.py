"""The command `export`: what it hands to the library, and what it says comes next."""

import shutil
from pathlib import Path

import pytest
from support import cli


def test_export_writes_beside_the_model_and_says_what_comes_next(run, folder, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")  # other tests look at the run as training left it
    result = cli("export", copy, "--format", "tflite", "--data", folder)
    assert result.code == 0, result.err
    assert f"wrote               {copy / 'model.tflite'}\n" in result.out
    assert "equal top-1         100.00% of 9 validation images\n" in result.out
    assert f"Next:\n  alexnet-keras evaluate {copy / 'model.tflite'} --data {folder}" in result.out
    assert f"\n{'':29}  Keras model  export\ntop-1 val error  " in result.out


def result_of(form, path, **changes):
    measured = {"top1_error": 0.25, "top5_error": None, "milliseconds": 12.5, "images_per_second": 1500.0}
    values = {"format": form, "path": str(path), "bytes": 2_500_000, "max_abs_difference": 1.5e-6}
    values |= {"top1_agreement": 1.0, "num_images": 500, "shortcomings": [], "keras": measured, "exported": measured}
    return {**values, **changes}


def test_the_results_of_both_models_stand_side_by_side(trained, replaced):
    replaced("alexnet_keras.api.export", result_of("tflite", Path("a b.tflite"), shortcomings=["it is slower"]))
    assert cli("export", trained, "--format", "tflite", "--data", "shapes").out.splitlines() == [
        "wrote               a b.tflite",
        "size                2.5 MB",
        "largest difference  1.5e-06 in probability, from the Keras model",
        "equal top-1         100.00% of 500 validation images",
        "out of bounds       it is slower",
        "",
        "                               Keras model  export",
        "top-1 val error                     25.00%  25.00%",
        "ms/image, one image in a call         12.5    12.5",
        "images/s, 32 images in a call        1,500   1,500",
        "Next:",
        "  alexnet-keras evaluate 'a b.tflite' --data shapes",
    ]


@pytest.mark.parametrize(
    ("form", "options", "commands"),
    [
        ("onnx", [], ["alexnet-keras predict OUT photo.jpg"]),
        ("web", ["--data", "shapes"], ["alexnet-keras web OUT"]),
        (
            "saved_model",
            ["--data", "shapes"],
            [
                "alexnet-keras evaluate OUT --data shapes",
                "docker run -p 8501:8501 -v OUT:/models/alexnet -e MODEL_NAME=alexnet tensorflow/serving",
            ],
        ),
    ],
)
def test_what_comes_next_depends_on_the_format_and_the_data(form, options, commands, trained, replaced, tmp_path):
    out = tmp_path / "out"
    replaced("alexnet_keras.api.export", result_of(form, out))
    lines = cli("export", trained, "--format", form, *options).out.split("Next:\n")[1].splitlines()
    assert lines == [f"  {command.replace('OUT', str(out))}" for command in commands]


def test_images_of_other_classes_give_no_errors_and_a_reason(trained, replaced, tmp_path):
    unmeasured = {"top1_error": None, "top5_error": None, "milliseconds": 1.0, "images_per_second": 1.0}
    found = result_of("onnx", tmp_path / "a.onnx", keras=unmeasured, exported=unmeasured, num_images=9)
    replaced("alexnet_keras.api.export", found)
    text = " ".join(cli("export", trained, "--format", "onnx").out.split())
    assert "These are all images; 500 would give a more reliable comparison." in text
    assert "errors not measured, because the images of shapes have other classes" in text
    assert "val error" not in text


def test_the_options_are_handed_on_and_the_data_only_where_they_are_known(trained, replaced, tmp_path):
    calls = replaced("alexnet_keras.api.export", result_of("tflite", tmp_path / "a.tflite"))
    options = ["--quantize", "int8", "--batch-size", 4, "--output", tmp_path / "a.tflite", "--force"]
    cli(
        "export", trained, "--format", "tflite", *options, "--calibration", "shapes", "--manual-dir", tmp_path, "--json"
    )
    cli("export", trained, "--format", "tflite", "--data", "shapes", "--no-upright", "--json")
    (path,), given = calls[0]
    assert (path, given["data"]) == (trained, None)
    assert (given["calibration"].name, given["calibration"].manual_dir) == ("shapes", str(tmp_path))
    names = ("format", "quantize", "batch_size", "output", "force")
    assert [given[name] for name in names] == ["tflite", "int8", 4, tmp_path / "a.tflite", True]
    (path,), given = calls[1]
    assert (given["data"].name, given["data"].upright, given["calibration"]) == ("shapes", False, None)
    assert [given[name] for name in names] == ["tflite", None, None, None, False]
