"""Every command as a user sees it: help, JSON, tables, and one line for a mistake."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from support import ROOT, cli, draw_folder, only_error

from alexnet_keras.cli.main import SUMMARIES, main


def commands(group=main, words=()):
    """Yield the words of every command with its click object, groups and their commands alike."""
    for name, command in group.commands.items():
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


COMMANDS = dict(commands())


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
@pytest.mark.parametrize("columns", [80, 300])
def test_help_has_an_example_and_fits_100_columns(words, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = cli(*words, "--help")
    assert result.code == 0
    assert f"Example:\n    {' '.join(('alexnet-keras', *words))} " in f"{result.out} "
    assert max(map(len, result.out.splitlines())) <= 100


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_has_a_help_text(words):
    options = [option for option in COMMANDS[words].params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("words", [words for words, command in COMMANDS.items() if isinstance(command, click.Group)])
def test_a_group_without_a_command_shows_its_help(words):
    result = cli(*words)
    assert result.code == 2  # as click has it
    assert f"Usage: main {' '.join(words)} [OPTIONS] COMMAND" in result.err
    assert "\nCommands:\n" in result.err
    assert "..." not in result.err.split("\nCommands:\n")[1]  # no sentence is cut


def test_no_command_shows_the_help():
    result = cli()
    assert result.code == 0
    assert "alexnet-keras train\n" in result.out


def test_the_overview_lists_all_commands_and_imports_none():
    modules = {path.stem for path in (ROOT / "alexnet_keras" / "cli").glob("*.py")}
    assert modules - set(SUMMARIES) == {"__init__", "completion", "groups", "main", "messages", "options", "types"}
    code = (
        "import sys; from click.testing import CliRunner; from alexnet_keras.cli.main import main; "
        "print(CliRunner().invoke(main, ['--help']).output, *sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    for name, summary in SUMMARIES.items():
        assert f"  {name} " in output
        assert " ".join(summary.split()) in " ".join(output.split())
        assert f"alexnet_keras.cli.{name}" not in output.split()


def test_the_package_is_a_program():
    command = [sys.executable, "-m", "alexnet_keras", "predict", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage: python -m alexnet_keras predict" in result.stdout


def test_help_comes_from_a_checkout_too():
    command = [sys.executable, "cli.py", "train", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage: cli.py train" in result.stdout


def test_help_is_quick_because_it_imports_little():
    code = "import sys, alexnet_keras.cli.main; print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "[]\n"


def test_version():
    result = cli("--version")
    assert result.code == 0
    assert "version" in result.out


def test_every_command_that_prints_results_has_json():
    for words, command in COMMANDS.items():
        if not isinstance(command, click.Group):
            assert "--json" in {name for option in command.params for name in option.opts}, words


def test_evaluate_and_predict_are_readable(run, folder):
    result = cli("evaluate", run)
    assert result.code == 0
    assert re.search(
        rf"^model +{run / 'model.keras'} \(variant paper, best epoch [12] of 2\)\ndata +{folder}\nimages +9\ncrops +1\n"
        r"top-1 val error +\d+.\d\d% \(\d+.\d\d% to \d+.\d\d%\)\nhardest classes  (\w+ \d+.\d\d%(, |$)){3}",
        re.sub(r"\n {2,}", " ", result.out),
    )
    assert "top-5" not in result.out  # of three classes all are among the first five
    result = cli("predict", run, run / "example.png", folder / "val" / "red" / "0.jpg", "--top", 2)
    assert result.code == 0
    lines = result.out.splitlines()
    assert re.fullmatch(rf"Model {run / 'model.keras'} \(variant paper, best epoch [12] of 2\)", lines[0])
    assert lines[1] == str(run / "example.png")
    assert len(lines) == 7
    assert {line.split()[-1] for line in lines[2:4]} <= {"blue", "green", "red"}
    assert all("%" in line for line in lines[2:4])


def test_the_newest_run_is_the_default(run, monkeypatch, tmp_path):
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "mine").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    result = cli("predict", run / "example.png", "--json")
    assert len(result.json[0]["predictions"]) == 3
    result = cli("evaluate", "--json")
    assert set(result.json) >= {"top1_error", "top5_error", "num_images", "crops", "models", "per_class", "provenance"}
    result = cli("evaluate", "--crops", 10, "--json")
    assert (result.json["crops"], result.json["num_images"]) == (10, 9)


def test_one_bad_image_does_not_cost_the_others(run, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")
    result = cli("predict", run, run / "example.png", tmp_path / "bad.jpg", run / "example.png", "--json")
    assert result.code == 1
    assert [len(row["predictions"]) for row in result.json] == [3, 0, 3]
    refusal = "is not a complete JPEG, PNG, GIF, BMP or WebP image; replace it."
    assert result.json[1]["error"] == f"{tmp_path / 'bad.jpg'} {refusal}"
    assert result.err == f"Error: {tmp_path / 'bad.jpg'} {refusal}\n"
    result = cli("predict", run, tmp_path / "absent.jpg", run / "example.png")
    assert "absent.jpg does not exist" in only_error(result)
    assert result.code == 2


USAGE = [
    (["train", "--epochs", 0], "Invalid value for '--epochs': it must be 1 to 1,000,000, got 0."),
    (
        ["train", "--batch-size", 10**18],
        "Invalid value for '--batch-size': it must be 1 to 65,536, got 1000000000000000000",
    ),
    (["data", "check", "--data", "shapes", "--jobs", 10**20], "Invalid value for '--jobs': it must be 1 to 1,024, got"),
    (["train", "--recipe", "slow"], "'slow' is not one of 'quickstart'"),
    (["train", "--data", "no_such_data"], "The data set no_such_data: no such folder"),
    (["train", "--lr", "1"], "No such option"),
    (["evaluate", "absent.keras", "--data", "shapes"], "There is no model absent.keras"),
    (["evaluate"], "There is no run in saved_models; name a model, or make one with 'alexnet-keras train'"),
    (["evaluate", "--crops", 5], "'5' is not one of '1', '10'"),
    (["predict"], "Missing argument"),
    (["predict", "photo.jpg"], "The image photo.jpg does not exist; check its name."),
    (["predict", "absent.keras", "photo.jpg"], "There is no model absent.keras"),
    (["predict", "absent.pth", "photo.jpg"], "There is no model absent.pth"),
    (["export", "--format", "pdf"], "'pdf' is not one of 'saved_model', 'tflite', 'onnx', 'keras'"),
    (["export"], "Missing option '--format'"),
    (["info", "--variant", "vgg"], "'vgg' is not one of 'original', 'paper', 'caffe', 'caffenet',"),
    (["info", "--change", "activation=tanh"], "--change needs a variant to change; name it with --variant."),
    (["info", "--variant", "paper", "--change", "depth=8"], "There is no field 'depth'; choose from input_size"),
    (["info", "x.keras", "--variant", "paper"], "MODEL and --variant exclude each other; omit one of them."),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=lambda value: " ".join(map(str, value)))
def test_a_wrong_command_line_is_one_line_and_code_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli(*arguments)
    assert message in only_error(result)
    assert result.code == 2
    assert list(tmp_path.iterdir()) == []


def test_what_lies_outside_a_run_needs_a_data_set(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("alone.keras").symlink_to(run / "model.keras")
    result = cli("evaluate", "alone.keras")
    assert "alone.keras is not in the folder of a run; name its data set with --data" in only_error(result)
    assert result.code == 2
    result = cli("predict", run)
    assert "but no image; name an image after it" in only_error(result)
    assert result.code == 2


def break_nothing(root):
    return ["train", "--data", root, "--batch-size", 13], "--batch-size 13 is larger than the 12 training images"


def break_class(root):
    for path in (root / "train" / "red").iterdir():
        path.unlink()
    return ["train", "--data", root], "train/red holds no image"


def break_image(root):
    path = root / "train" / "red" / "0.jpg"
    path.write_bytes(path.read_bytes()[:200])
    return ["train", "--data", root, "--batch-size", 4], "train/red/0.jpg is not a complete JPEG, PNG, GIF, BMP or WebP"


def break_run(root):
    return ["train", "--data", root, "--run", root], "exists; choose another --run, or remove it"


def break_run_path(root):
    (root / "file").touch()
    return ["train", "--data", root, "--run", root / "file" / "run"], "cannot be written"


def break_model(root):
    (root / "model.keras").write_text("no model")
    return ["info", root / "model.keras"], "model.keras is damaged: it is not a complete ZIP archive; copy it again."


def break_photo(root):
    (root / "text.jpg").write_text("no image")
    return ["predict", "RUN", root / "text.jpg"], "text.jpg is not a complete JPEG, PNG, GIF, BMP or WebP"


def break_format(root):
    (root / "model.txt").write_text("")
    return ["evaluate", root / "model.txt", "--data", "shapes"], "model.txt is no model; give a run"


BREAKS = [break_nothing, break_class, break_image, break_run, break_run_path, break_model, break_photo, break_format]


@pytest.mark.parametrize("damage", BREAKS)
def test_what_cannot_be_used_is_one_line_and_code_1(damage, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = draw_folder(tmp_path / "colours")
    arguments, message = damage(root)
    result = cli(*(run if argument == "RUN" else argument for argument in arguments))
    assert message in only_error(result)
    assert result.code == 1
    assert not (tmp_path / "saved_models").exists() or list((tmp_path / "saved_models").iterdir()) == []


def test_a_process_shows_one_line_for_each_mistake_too(run, tmp_path):
    """With TensorFlow's own chatter, which the test runner does not see."""
    model, whole, cut = (tmp_path / name for name in ("model.keras", "whole.jpg", "cut.jpg"))
    model.write_text("no model")
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (300, 300, 3), dtype=np.uint8)).save(whole)
    cut.write_bytes(whole.read_bytes()[:30_000])
    code = (
        "import sys; from alexnet_keras.cli.main import main\n"
        "for arguments in (['info', sys.argv[1]], ['predict', *sys.argv[2:]]):\n"
        "    try:\n"
        "        main(arguments)\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 1"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", code, model, run, cut]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == (
        f"Error: {model} is damaged: it is not a complete ZIP archive; copy it again.\n"
        f"Error: {cut} is not a complete JPEG, PNG, GIF, BMP or WebP image; replace it.\n"
    )


def test_an_interrupt_is_130(monkeypatch):
    def interrupt(*arguments, **options):
        raise click.Abort

    monkeypatch.setattr(main.commands["info"], "invoke", interrupt)
    result = cli("info")
    assert only_error(result) == "Error: Interrupted."
    assert result.code == 130
