"""The list of the files of a folder: what it names, and what it never removes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import repeatable, texts

from alexnet_keras.system import atomic_files, file_list


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    file_list.create(path)
    return path


def test_each_file_is_listed_before_it_appears(folder, monkeypatch):
    atomic_files.write_json(folder / "a.json", {}, owner=folder)
    atomic_files.write_json(folder / "a.json", {}, owner=folder)
    with atomic_files.appear_whole(folder / "saved\n\u2028", owner=folder) as partial:
        (partial / "variables").mkdir(parents=True)
        (partial / "variables" / "index").touch()
    atomic_files.write_json(folder / "of the user", {})
    monkeypatch.setattr("os.replace", None)
    with pytest.raises(TypeError):
        atomic_files.write_json(folder / "b.json", {}, owner=folder)
    assert file_list.read(folder) == ["a.json", "saved\n\u2028/variables/index", "b.json"]
    file_list.create(folder, ["c.json"])  # it exists
    assert "c.json" not in file_list.read(folder)


def test_a_folder_without_a_list_gets_none(tmp_path):
    atomic_files.write_json(tmp_path / "a.json", {}, owner=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_line_that_was_cut_and_names_outside_of_the_folder_are_left_out(folder):
    names = ["../thesis.tex", "/etc/passwd", "//etc/passwd", "///etc/passwd", "a/../../b", "", 3, ["a"], "good"]
    lines = [json.dumps(name) for name in names]
    (folder / file_list.LIST).write_text("\n".join([*lines, '"cut', "[" * 100_000, '"after"']))
    assert file_list.read(folder) == ["good", "after"]


def test_removing_keeps_links_folders_and_files_of_others(folder, tmp_path):
    (tmp_path / "thesis.tex").touch()
    (folder / "link").symlink_to(tmp_path)
    (folder / "sub" / "inner").mkdir(parents=True)
    for name in ("sub/inner/own", "sub/users"):
        (folder / name).touch()
    for name in ("link/thesis.tex", "sub", "sub/inner/own", "absent/file"):
        file_list.remove(folder, name)
    assert (tmp_path / "thesis.tex").exists()
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [".files", "link", "sub", "sub/users"]
    file_list.remove(folder, "link")  # the link itself may be the run's
    assert not (folder / "link").exists()
    assert (tmp_path / "thesis.tex").exists()


def outside(name):
    return not name.strip("./") or name.startswith("/") or ".." in name.split("/")


@pytest.fixture(scope="module")
def drawn_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


@repeatable
@given(names=st.lists(texts | st.text("./a\n")))
def test_any_names_are_read_as_they_were_written_unless_they_lead_out(drawn_folder, names):
    (drawn_folder / file_list.LIST).unlink(missing_ok=True)
    file_list.create(drawn_folder, names)
    assert file_list.read(drawn_folder) == list(dict.fromkeys(name for name in names if not outside(name)))


@repeatable
@given(content=st.binary() | st.text('"./a\\\n[]').map(str.encode))
def test_a_damaged_list_names_nothing_outside_of_the_folder(drawn_folder, content):
    (drawn_folder / file_list.LIST).write_bytes(content)
    assert not any(map(outside, file_list.read(drawn_folder)))
