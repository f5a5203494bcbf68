"""The free space of a disk is compared with what the work needs."""

import pytest

from alexnet_keras.system import disk
from alexnet_keras.system.errors import InputError


def test_work_that_does_not_fit_is_refused_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: disk.shutil._ntuple_diskusage(10, 7, 3 * 10**9))
    output = tmp_path / "new" / "folder"
    disk.check_free(output, 3e9, "The run a")
    with pytest.raises(InputError, match=r"The run a needs 3.10 GB, but the disk of .*folder has 3.00 GB free; remove"):
        disk.check_free(output, 3.1e9, "The run a")
    assert not output.parent.exists()


def test_sizes_have_the_unit_and_the_digits_that_are_asked_for():
    assert [disk.size_of(1.25e9), disk.size_of(2e6, 1), disk.size_of(1.479e11, 1)] == ["1.25 GB", "2.0 MB", "147.9 GB"]


def test_what_is_needed_and_free_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: disk.shutil._ntuple_diskusage(10, 7, 3 * 10**9))
    disk.announce(tmp_path, 581e6, "The file a.npz")
    assert capsys.readouterr().err == "The file a.npz needs at most 581.00 MB; 3.00 GB are free.\n"
    with pytest.raises(InputError, match="The file a.npz needs 4.00 GB"):
        disk.announce(tmp_path, 4e9, "The file a.npz")
