"""The options of `train` and what it prints. tests/training/ tests the training itself."""

import json

import pytest
from support import NARROW, cli, only_error

from alexnet_keras.cli.train import GROUPS, train
from alexnet_keras.training import run_folder


def begin(folder, run, *options):
    narrow = (*NARROW, "--change", "towers=1")
    return cli("train", "--data", folder, "--epochs", 1, "--batch-size", 6, "--run", run, *narrow, *options)


def test_every_option_is_in_a_group():
    names = [name for group in GROUPS.values() for name in group]
    assert sorted([*names, "as_json"]) == sorted(parameter.name for parameter in train.params)
    help_text = cli("train", "--help").out
    assert [line[:-1] for line in help_text.splitlines() if line.endswith(":") and line[0] != " "] == list(GROUPS)


def test_train_prints_what_to_do_next(folder, tmp_path):
    run = tmp_path / "run"
    result = begin(folder, run, "--seed", 3, "--set", "steps_per_epoch=1", "--set", "momentum=0.8")
    assert result.code == 0, result.err
    assert "Epoch 1/1" in result.err
    assert result.out.startswith("Top-1 val error ")
    assert "on 9 images.\n" in result.out  # of three classes; there is no top-5 error
    files = "README.md, config.json, evaluation.json, example.png, history.csv, model.keras, tensorboard"
    assert f"Wrote {run}:\n  {files}\nNext:\n  alexnet-keras predict {run} {run / 'example.png'}\n" in result.out
    assert f"  alexnet-keras export {run} --format tflite\n  alexnet-keras report {run}\n" in result.out
    config = run_folder.read_config(run)[0]
    assert (config.seed, config.steps_per_epoch, config.momentum) == (3, 1, 0.8)


def test_json_of_train_and_the_seed(folder, tmp_path):
    losses = {}
    for seed in (3, 4):
        run = tmp_path / str(seed)
        result = begin(folder, run, "--seed", seed, "--json")
        assert result.json["run"] == str(run)
        evaluation = json.loads((run / "evaluation.json").read_text())
        assert evaluation["top1_error"] == result.json["top1_error"]
        losses[seed] = run_folder.read_history(run)[0]["loss"]
    assert losses[3] != losses[4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "momentum"], "'momentum' is not an assignment; write NAME=VALUE."),
        (["--set", "momentum=high"], "--set momentum must be a number, got 'high'"),
        (["--set", "momentum=1"], "momentum must be in [0, 1), got 1.0"),
        (["--set", "depth=8"], "There is no field 'depth'; choose from data, data_dir"),
        (["--set", "recipe=paper"], "There is no field 'recipe'"),
        (["--set", "schedule=plateau:patience=0"], "--set schedule patience must be 1 to 1,000,000, got 0"),
        (["--epochs", 3, "--set", "epochs=4"], "--epochs 3 and --set epochs are both given; omit one of them."),
        (["--change", "depth=8"], "There is no field 'depth'"),
        (["--width", 0.01], "Invalid value for '--width': it must be 0.05 to 2, got 0.01."),
        (["--width", 0.5, "--change", "width=0.25"], "--width 0.5 and --change width are both given; omit one of"),
        (["--resume", "--dry-run", "--run", "run"], "--resume and --dry-run exclude each other; omit one of them."),
        (["--resume", "--overwrite", "--run", "run"], "--resume and --overwrite exclude each other; omit one of them."),
        (["--resume"], "--resume needs the folder of the run to continue; name it with --run."),
    ],
    ids=str,
)
def test_options_that_cannot_be_used_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli("train", *options)
    assert message in only_error(result)
    assert result.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "arguments", "message"),
    [
        ({}, ["--devices", "gpu:x"], "--devices 'gpu:x' cannot be read"),
        ({"TF_CONFIG": "x"}, [], "TF_CONFIG cannot be read"),
        ({}, ["--weights", "absent.npz"], "absent.npz is not a file"),
        ({}, ["--freeze", "conv1"], "--freeze conv1 keeps trained weights"),
        ({}, ["--run", "."], "The run folder . exists; choose another --run, or remove it."),
    ],
)
def test_bad_options_are_refused_before_tensorflow_is_imported(environment, arguments, message, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "alexnet_keras.cli.options.load_tensorflow", lambda **_: pytest.fail("TensorFlow is imported first")
    )
    result = cli("train", *arguments)
    assert result.code in (1, 2)
    assert message in only_error(result)
