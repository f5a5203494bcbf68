"""Files appear whole or not at all, and outputs are checked before the work."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from alexnet_keras.system import atomic_files, lock
from alexnet_keras.system.errors import InputError, OptionError, UnwritableError
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


def test_folders_that_were_made_for_nothing_are_removed(tmp_path):
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "mine" / "a" / "b" / "c.json", tmp_path / "d" / "c.json"):
        with pytest.raises(RuntimeError, match="halfway"), atomic_files.appear_whole(path) as partial:  # noqa: PT012
            partial.touch()
            raise RuntimeError("halfway")
    assert os.listdir(tmp_path) == ["mine"]
    assert os.listdir(tmp_path / "mine") == []
    with atomic_files.making_folder(tmp_path / "e" / "f") as made:
        assert made
        with atomic_files.making_folder(tmp_path / "e" / "f") as made:
            assert not made
        (tmp_path / "e" / "theirs").touch()
    assert os.listdir(tmp_path / "e") == ["theirs"]
    (tmp_path / "link").symlink_to(tmp_path / "absent")
    with pytest.raises(FileExistsError), atomic_files.making_folder(tmp_path / "link"):
        pass


WRITER = """
import sys
from pathlib import Path
from alexnet_keras.system.atomic_files import appear_whole
with appear_whole(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print(partial, flush=True)
    sys.stdin.readline()
"""


def test_only_what_a_killed_writer_left_is_removed(tmp_path):
    """The users' folder has a similar name; one writer lives, the other is killed."""
    (tmp_path / ".partial-mine").mkdir()
    (tmp_path / ".partial-12345678.txt").touch()
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, tmp_path / name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for name in ("a", "b")
        ]
        alive, dead = (Path(writer.stdout.readline().rstrip()) for writer in writers)
        writers[1].kill()
        writers[1].wait()
        assert dead.exists()
        atomic_files.write_json(tmp_path / "c", {})
        assert alive.exists()
        assert not dead.parent.exists()
        writers[0].communicate("\n")
    assert sorted(os.listdir(tmp_path)) == [".partial-12345678.txt", ".partial-mine", "a", "c"]


def test_a_folder_that_was_taken_for_a_leftover_is_made_again(tmp_path, monkeypatch):
    """Another process locks or removes it before its maker has locked it."""
    seen = []

    def acquire(folder):
        seen.append(folder)
        if len(seen) == 1:
            raise BlockingIOError
        if len(seen) == 2:
            folder.rmdir()
        return lock.acquire(folder)

    monkeypatch.setattr(atomic_files, "acquire", acquire)
    atomic_files.write_json(tmp_path / "a", {})
    assert read_json(tmp_path / "a") == {}
    assert len(set(seen)) == 3


@pytest.mark.parametrize("code", atomic_files.FULL)
@pytest.mark.parametrize("kind", [OSError, RuntimeError])  # h5py and TensorFlow have their own kinds
def test_a_full_disk_names_the_path_and_the_remedy(code, kind, tmp_path):
    error = OSError(code, os.strerror(code)) if kind is OSError else kind(f"write failed: {os.strerror(code)} (1)")
    message = rf"{tmp_path / 'a'} cannot be written \({os.strerror(code)}\); free disk space, or write to another disk."
    with pytest.raises(UnwritableError, match=message) as caught, atomic_files.appear_whole(tmp_path / "a"):
        raise error
    assert caught.value.strerror == os.strerror(code)
    assert isinstance(caught.value, InputError)
    assert os.listdir(tmp_path) == []


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(OSError, match="image.png") as caught, atomic_files.appear_whole(tmp_path / "a"):
        raise FileNotFoundError(2, "No such file", "image.png")
    assert not isinstance(caught.value, InputError)


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
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("b.pth", OptionError, "`output` must end in .npz or .h5, got 'b.pth'; try 'b.npz'."),
        ("a.npz", InputError, "The output .*a.npz exists; choose another `output`, or remove it."),
        ("a.npz/b.npz", InputError, r"The output .*b.npz cannot be written \(.+\); choose another `output`."),
        ("a.npz/b/b.npz", InputError, r"The output .*b.npz cannot be written \(.+\); choose another `output`."),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(name, error, message, tmp_path):
    (tmp_path / "a.npz").touch()
    with pytest.raises(error, match=message):
        atomic_files.check_output(tmp_path / name, (".npz", ".h5"))
