"""The name of the trained network is its file, unless something else has this path."""

from pathlib import Path

import pytest

from alexnet_keras.config.pretrained import FILE, NAME, file_of


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_name_is_the_file_in_the_package():
    assert file_of(Path(NAME)) == FILE
    assert FILE.is_file()


@pytest.mark.parametrize("path", ["model.keras", f"{NAME}.alexnet", f"runs/{NAME}", f"../{NAME}"])
def test_any_other_path_stays_as_it_is(path):
    assert file_of(Path(path)) == Path(path)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_what_has_this_path_comes_first(make):
    make(Path(NAME))
    assert file_of(Path(NAME)) == Path(NAME)
