"""Files appear whole or not at all, and outputs are checked before the work."""

import os

import pytest

from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import read_json


def test_files_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "sub" / "result.json"
    atomic_files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="halfway"), atomic_files.appear_whole(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise RuntimeError("halfway")
    assert read_json(path) == {"a": 1}
    with pytest.raises(RuntimeError, match="halfway"), atomic_files.appear_whole(tmp_path / "folder") as partial:  # noqa: PT012
        partial.mkdir()
        (partial / "half").touch()
        raise RuntimeError("halfway")
    assert sorted(os.listdir(tmp_path)) == ["sub"]
    assert os.listdir(tmp_path / "sub") == ["result.json"]


def test_a_link_replaces_its_target_or_is_a_copy(tmp_path, monkeypatch):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("a")
    target.write_text("b")
    atomic_files.link(source, target)
    assert source.samefile(target)

    def refuse(*_):
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", refuse)
    atomic_files.link(source, target)
    assert target.read_text() == "a"
    assert not source.samefile(target)
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError):
        atomic_files.link(tmp_path / "absent", target)
    assert target.read_text() == "a"


def test_an_output_that_can_be_written_leaves_no_trace(tmp_path):
    atomic_files.check_output(tmp_path / "new" / "a.npz", (".npz", ".h5"))
    atomic_files.check_output(tmp_path / "new" / "folder")
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("b.pth", OptionError, "`output` must end in .npz or .h5, got 'b.pth'; try 'b.npz'."),
        ("a.npz", InputError, "The output .*a.npz exists; choose another `output`, or remove it."),
        ("a.npz/b.npz", InputError, r"The output .*b.npz cannot be written \(.+\); choose another `output`."),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(name, error, message, tmp_path):
    (tmp_path / "a.npz").touch()
    with pytest.raises(error, match=message):
        atomic_files.check_output(tmp_path / name, (".npz", ".h5"))
