"""Paths that lead to no file or folder of the expected kind: one line from every command, and nothing waits."""

import os
import socket

import pytest
from support import cli, only_error


def make(kind, path):
    """Make something that is no file to read or folder to write into, and return its path."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "link to nothing":
            path.symlink_to(path.with_name("nothing"))
        case "loop":
            path.symlink_to(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(path))
        case "empty folder":
            path.mkdir()
        case "text":
            path.write_text("text")
    return path


# What reads a file or folder: the words before the path, and those after it.
READERS = [
    (["train", "--data", "FOLDER", "--recipe", "transfer", "--weights"], [], ".npz"),
    (["train", "--data"], ["--run", "run"], ""),
    (["train", "--resume", "--run"], [], ""),
    (["evaluate"], ["--data", "shapes"], ".tflite"),
    (["predict"], ["x.jpg"], ".onnx"),
    (["predict", "MODEL"], [], ".jpg"),
    (["evaluate", "MODEL"], ["--data", "FOLDER"], ".onnx"),
    (["export"], ["--format", "tflite", "--data", "shapes"], ".keras"),
    (["export", "MODEL", "--format", "tflite", "--output", "x.tflite", "--data"], [], ""),
    (["compress"], [], ""),
    (["report"], [], ""),
    (["info"], [], ".keras"),
    (["data", "check", "--data"], [], ""),
    (["data", "prepare", "--output", "x", "--data"], [], ""),
    (["figures", "augmentation", "--data"], [], ""),
    (["figures", "filters"], [], ".npz"),
    (["figures", "activations", "MODEL"], [], ".png"),
    (["benchmark", "inference"], [], ".alexnet"),
    (["benchmark", "input", "--data"], [], ""),
    (["weights", "import"], ["--variant", "paper", "--output", "x.keras"], ".pth"),
    (["weights", "export"], ["--output", "x.npz"], ".keras"),
    (["features"], ["--data", "shapes", "--output", "x.npz"], ".keras"),
    (["web"], [], ""),
]
WRITERS = [
    (["train", "--data", "FOLDER", "--run"], [], ""),
    (["export", "MODEL", "--format", "tflite", "--data", "FOLDER", "--output"], [], ".tflite"),
    (["data", "prepare", "--data", "FOLDER", "--output"], [], ""),
    (["figures", "augmentation", "--data", "FOLDER", "--output"], [], ".png"),
    (["weights", "import", "x.npz", "--variant", "paper", "--output"], [], ".keras"),
    (["weights", "export", "MODEL", "--output"], [], ".npz"),
    (["features", "MODEL", "--data", "FOLDER", "--output"], [], ".npz"),
    (["predict", "MODEL", "FOLDER", "--output"], [], ".csv"),
    (["evaluate", "MODEL", "--data", "FOLDER", "--output"], [], ".csv"),
    (["evaluate", "MODEL", "--data", "FOLDER", "--report"], [], ""),
]
READ = ("pipe", "device", "link to nothing", "loop", "socket", "empty folder", "text")
WRITTEN = ("pipe", "device", "link to nothing", "loop", "socket", "text")
KINDS = [(*command, kind) for command in READERS for kind in READ] + [
    (*command, kind) for command in WRITERS for kind in WRITTEN
]


@pytest.mark.parametrize(("before", "after", "suffix", "kind"), KINDS, ids=str)
def test_paths_of_a_wrong_kind(before, after, suffix, kind, folder, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = make(kind, tmp_path / f"hostile{suffix}")
    known = {"FOLDER": folder, "MODEL": trained}
    result = cli(*(known.get(word, word) for word in before), path, *(known.get(word, word) for word in after))
    assert result.code in (1, 2)
    only_error(result)
    assert path.name in os.listdir(tmp_path)  # nothing of the user is replaced
