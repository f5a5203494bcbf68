"""The command `predict` on many images, from every kind of source, into every kind of output."""

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import ROOT, cli, only_error

import alexnet_keras
from alexnet_keras.cli.main import main
from alexnet_keras.model.loading import load_model


@pytest.fixture
def photos(folder, tmp_path, monkeypatch):
    """A working folder with a run's model, nine images, a damaged one and other files."""
    monkeypatch.chdir(tmp_path)
    Path("photos").symlink_to(folder / "val")
    Path("bad.jpg").write_text("no image")


def test_a_folder_into_each_format(trained, photos):
    result = cli("predict", trained, "photos", "bad.jpg", "--output", "p.csv")
    assert result.code == 1
    assert result.out.splitlines()[:3] == [
        f"model   {trained} (variant tiny)",
        "images  10",
        "wrote   p.csv",
    ]
    assert "errors  1, in the column `error`; the first is: bad.jpg is not a complete" in result.out
    with open("p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).parent.name for row in rows[:9]] == [row["label_1"] for row in rows[:9]]
    assert (rows[9]["file"], rows[9]["label_1"]) == ("bad.jpg", "")
    assert rows[9]["error"].startswith("bad.jpg is not a complete")
    assert {row["model"] for row in rows} == {str(trained)}
    result = cli("predict", trained, "photos", "--top", 1, "--output", "p.json", "--json")
    model = {"path": str(trained), "variant": "tiny"}
    assert (result.code, result.json) == (0, {"output": "p.json", "images": 9, "errors": 0, "model": model})
    written = json.loads(Path("p.json").read_text())
    assert [row["predictions"][0]["label"] for row in written] == [row["label_1"] for row in rows[:9]]
    assert "exists; choose another --output" in only_error(cli("predict", trained, "photos", "--output", "p.csv"))


def test_patterns_lists_and_standard_input_are_the_same_images(trained, photos):
    expected = cli("predict", trained, "photos/red", "--json").json
    assert len(expected) == 3
    assert cli("predict", trained, "photos/red/*", "--json").json == expected
    names = "\n".join(row["file"] for row in expected)
    Path("list.txt").write_text(names)
    assert cli("predict", trained, "@list.txt", "--json").json == expected
    image = Path(expected[0]["file"]).read_bytes()
    (row,) = json.loads(CliRunner().invoke(main, ["predict", str(trained), "-", "--json"], input=image).stdout)
    assert alexnet_keras.predict(trained, image) == [row]
    found, other = ([entry.pop("probability") for entry in each["predictions"]] for each in (row, expected[0]))
    assert found == pytest.approx(other, rel=1e-6)  # the size of a batch may change the order of additions
    assert row == {**expected[0], "file": "-"}


def test_the_python_function_takes_the_same(trained, photos):
    assert len(alexnet_keras.predict(trained, "photos", top=1)) == 9
    with pytest.raises(alexnet_keras.InputError, match="bad.jpg is not a complete"):
        alexnet_keras.predict(trained, ["photos/red/0.jpg", "bad.jpg"])
    first, second = alexnet_keras.predict(trained, ["photos/red/0.jpg", "bad.jpg"], on_error="report")
    assert "error" not in first
    assert second["error"].startswith("bad.jpg is not a complete")
    with pytest.raises(alexnet_keras.OptionError, match="`on_error` must be 'stop' or 'report', got 'skip'"):
        alexnet_keras.predict(trained, "photos", on_error="skip")


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["MODEL", "https://example.org/cat.jpg"], "'https://example.org/cat.jpg' is a URL; download the file and", 2),
        (["MODEL", "*.gif"], "No file matches the pattern *.gif; check it.", 2),
        (["absent", "photos"], "The model or image absent does not exist; check its name.", 2),
        (["MODEL", "absent.jpg"], "The image absent.jpg does not exist; check its name.", 2),
        (["MODEL", "@absent.txt"], "absent.txt cannot be read", 1),
        (["MODEL", "photos", "--output", "p.xlsx"], "--output must end in .csv or .json or .parquet, got 'p.xlsx'", 2),
        (["MODEL", "empty"], "The folder empty holds no image and no model; name a folder with images, or a run.", 1),
        (["s3://bucket/model.keras", "bad.jpg"], "'s3://bucket/model.keras' is a URL; download the file and give", 2),
    ],
    ids=str,
)
def test_what_cannot_be_found_is_one_line(words, message, code, trained, photos):
    Path("empty").mkdir()
    result = cli("predict", *(trained if word == "MODEL" else word for word in words))
    assert message in only_error(result)
    assert result.code == code


LIGHT = """
import json, sys
from alexnet_keras.cli.main import main
try:
    main(sys.argv[1:])
finally:
    names = ("tensorflow", "keras", "numba", "matplotlib", "tensorflow_datasets", "onnx", "onnxruntime")
    print(json.dumps([name for name in names if name in sys.modules]), file=sys.stderr)
"""


WITHOUT_TENSORFLOW = {  # the functions that write a model, and what `predict` imports for it
    "tflite": ("export.tflite", "write", []),
    "onnx": ("export.onnx", "write", ["onnx", "onnxruntime"]),
    "alexnet": ("model.archive", "write", []),
    "keras": ("model.loading", "save_model", []),
}


@pytest.mark.parametrize("format_", WITHOUT_TENSORFLOW)
def test_a_model_predicts_without_tensorflow(format_, trained, folder, tmp_path):
    """Importing it takes seconds."""
    path = tmp_path / f"model.{format_}"
    module, function, imported = WITHOUT_TENSORFLOW[format_]
    getattr(importlib.import_module(f"alexnet_keras.{module}"), function)(load_model(trained), path)
    command = [sys.executable, "-c", LIGHT, "predict", str(path), str(folder / "val" / "red"), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    rows = json.loads(result.stdout)
    assert [row["predictions"][0]["label"] for row in rows] == ["red"] * 3  # two JPEGs and a PNG
    assert json.loads(result.stderr) == imported
