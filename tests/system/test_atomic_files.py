"""Files appear whole or not at all."""

import os

import pytest

from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError


def test_files_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "sub" / "result.json"
    atomic_files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="halfway"), atomic_files.appear_whole(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise RuntimeError("halfway")
    assert atomic_files.read_json(path) == {"a": 1}
    with pytest.raises(RuntimeError, match="halfway"), atomic_files.appear_whole(tmp_path / "folder") as partial:  # noqa: PT012
        partial.mkdir()
        (partial / "half").touch()
        raise RuntimeError("halfway")
    assert sorted(os.listdir(tmp_path)) == ["sub"]
    assert os.listdir(tmp_path / "sub") == ["result.json"]


@pytest.mark.parametrize(("text", "message"), [("{", "is missing or damaged"), ("[1]", "holds no JSON object")])
def test_damaged_json_is_named(text, message, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=f"config.json {message}"):
        atomic_files.read_json(tmp_path / "config.json")
