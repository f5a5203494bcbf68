"""Shell completion proposes names, and asks the shell for paths."""

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from support import ROOT

from alexnet_keras.cli.main import main


def complete(*words):
    """Return the values that complete the last of some words, and the kinds of paths that the shell shall add."""
    completion = ShellComplete(main, {}, "alexnet-keras", "_ALEXNET_KERAS_COMPLETE")
    items = completion.get_completions(list(words[:-1]), words[-1])
    return [item.value for item in items if item.type == "plain"], [i.type for i in items if i.type != "plain"]


@pytest.mark.parametrize(
    ("words", "values", "paths"),
    [
        (["be"], ["benchmark"], []),
        (["data", ""], ["check", "prepare"], []),
        (["train", "--recipe", "o"], ["original", "owt"], []),
        (["info", "--variant", "caffe"], ["caffe", "caffenet"], []),
        (["train", "--data", "s"], ["shapes", "stanford_dogs", "stl10", "svhn_cropped"], ["file"]),
        (["evaluate", "--data", "ima"], ["imagenet", "imagenette"], ["file"]),
        (["export", "--calibration", "cifar10"], ["cifar10", "cifar100"], ["file"]),
        (["train", "--run", "saved_models/2"], ["saved_models/2-paper", "saved_models/2-fast"], ["dir"]),
        (["compress", "saved_models/1"], ["saved_models/1-first"], ["dir"]),
        (["report", "saved_models/1"], ["saved_models/1-first"], ["dir"]),
        (["predict", "saved_models/1"], ["saved_models/1-first"], ["file"]),
        (["evaluate", "saved_models/2-fast", "saved_models/1"], ["saved_models/1-first"], ["file"]),
        (["figures", "filters", "i"], ["imagenette"], ["file"]),
        (["runs", "saved_models/1"], ["saved_models/1-first"], ["dir"]),
        (["web", ""], [], ["dir"]),
        (["weights", "import", ""], [], ["file"]),
        (["runs", "--m"], ["--markdown"], []),
        (["evaluate", "s"], [f"saved_models/{name}" for name in ("2-paper", "2-fast", "1-first")], ["file"]),
    ],
    ids=str,
)
def test_what_is_completed(words, values, paths, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("1-first", "2-fast", "2-paper"):
        (tmp_path / "saved_models" / name).mkdir(parents=True)
        (tmp_path / "saved_models" / name / "config.json").touch()
    (tmp_path / "saved_models" / "2-else").mkdir()  # not a run
    assert complete(*words) == (values, paths)


def test_completion_imports_no_tensorflow(tmp_path):
    code = (
        "import sys; from click.shell_completion import ShellComplete; from alexnet_keras.cli.main import main; "
        "ShellComplete(main, {}, '', '').get_completions(['evaluate'], ''); "
        "sys.exit(bool({'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_the_shell_script_is_written():
    code = "import sys; sys.argv = ['alexnet-keras']; from alexnet_keras.cli.main import main; main()"
    environment = {"_ALEXNET_KERAS_COMPLETE": "bash_source", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert "complete -o nosort -F _alexnet_keras_completion alexnet-keras" in result.stdout, result.stderr
