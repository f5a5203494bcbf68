"""One process at a time holds a folder."""

import subprocess
import sys

import pytest

from alexnet_keras.system import lock
from alexnet_keras.system.errors import InputError

HOLDER = """
import sys
from pathlib import Path
from alexnet_keras.system.lock import lock_folder
with lock_folder(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_refused_until_the_holder_ends(holder, tmp_path):
    with pytest.raises(InputError, match="in use"), lock.lock_folder(tmp_path, "The folder is in use."):
        pass
    holder.communicate("\n")
    assert list(tmp_path.iterdir()) == []
    with lock.lock_folder(tmp_path, "The folder is in use."):
        assert [path.name for path in tmp_path.iterdir()] == [lock.LOCK]
    assert list(tmp_path.iterdir()) == []


def test_a_holder_that_died_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / lock.LOCK).exists()
    with lock.lock_folder(tmp_path, "The folder is in use."):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_released_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="halfway"), lock.lock_folder(tmp_path, "busy"):
        raise RuntimeError("halfway")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_its_holder_has_just_removed_is_made_anew(tmp_path, monkeypatch):
    """Between the opening of the file and the lock, the last holder removes the file."""
    flock, calls = lock.fcntl.flock, []

    def remove_first(file, how):
        if not calls:
            (tmp_path / lock.LOCK).unlink()
        calls.append(how)
        flock(file, how)

    monkeypatch.setattr(lock.fcntl, "flock", remove_first)
    with lock.lock_folder(tmp_path, "busy"):
        assert (tmp_path / lock.LOCK).exists()
    assert len(calls) == 2


def test_a_file_system_without_locks_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with lock.lock_folder(tmp_path, "busy"):
        pass


def test_without_fcntl_the_module_is_imported_and_nothing_is_held(tmp_path):
    code = "import sys; sys.modules['fcntl'] = None\n" + HOLDER.replace(
        'print("held", flush=True)', 'lock_folder(Path(sys.argv[1]), "busy").__enter__(); print("held twice")'
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, input="\n", check=True
    )
    assert result.stdout == "held twice\n"
