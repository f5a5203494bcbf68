"""Checkpoints: written whole or not at all, checked when read, and never believed when damaged."""

import errno
import io
import json
import os
import re
import zipfile

import keras
import numpy as np
import pytest

from alexnet_keras.system.errors import InputError, RunError
from alexnet_keras.training import checkpoints, run_folder
from alexnet_keras.training.checkpoints import Checkpoints, PlateauState, State


def make(run, value=1.0):
    variables = {
        "model/dense/0": keras.Variable(np.full((3, 4), value, "float32")),
        "model/drop/0": keras.Variable(np.array([7, 9], "uint32"), dtype="uint32"),
        "optimizer/0": keras.Variable(np.array(5, "int64"), dtype="int64"),
    }
    return Checkpoints(run, variables)


def values(made):
    return {name: keras.ops.convert_to_numpy(variable.value) for name, variable in made.variables.items()}


def state(epoch=0, step=1, **changes):
    return State(epoch=epoch, step=step, steps=10, **changes)


def test_everything_comes_back(tmp_path):
    before = state(
        epoch=2,
        step=3,
        metrics={"loss": [0.1 + 0.2, 3.0]},
        seconds=1.5,
        history=[{**dict.fromkeys(run_folder.COLUMNS, "0.25"), "epoch": "1"}],
        best=[0.5, 1 / 3],
        best_epoch=1,
        plateau=PlateauState(best=0.5, waited=1),
    )
    written = make(tmp_path, value=np.float32(1 / 3))
    path = written.write(before)
    assert path == tmp_path / "checkpoints" / "step-000000023.npz"
    other = make(tmp_path, value=0.0)
    found, arrays = other.read()
    assert found == before
    other.assign(arrays)
    for name, value in values(written).items():
        np.testing.assert_array_equal(values(other)[name], value)
        assert values(other)[name].dtype == value.dtype


def test_no_checkpoint_is_no_state(tmp_path):
    assert make(tmp_path).read() is None


def test_two_are_kept_with_the_models_that_they_hold_for_the_best(tmp_path):
    made = make(tmp_path)
    made.folder.mkdir()
    for name in ("step-best.npz", "best-of-all.keras"):  # of the user
        (made.folder / name).touch()
    for epoch, best in ((1, 1), (2, 2), (3, 2), (4, 4), (5, 5)):
        made.best(best).touch()
        made.write(state(epoch=epoch, step=0, best_epoch=best))
    assert sorted(os.listdir(made.folder)) == [
        "best-00004.keras",
        "best-00005.keras",
        "best-of-all.keras",
        "step-000000040.npz",
        "step-000000050.npz",
        "step-best.npz",
    ]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def flip_a_weight(path):
    content = bytearray(path.read_bytes())
    content[content.index(np.float32(2.0).tobytes() * 4)] ^= 1
    path.write_bytes(content)


def flip_the_state(path):
    content = bytearray(path.read_bytes())
    content[content.index(b'"epoch"') + 1] ^= 1
    path.write_bytes(content)


def forget_the_state(path):
    np.savez(path, **{"model/dense/0": np.zeros((3, 4), "float32")})


def pickle_something(path):
    with zipfile.ZipFile(path, "a") as archive, archive.open("optimizer/9.npy", "w") as member:
        np.lib.format.write_array(member, np.array([{"a": 1}], object), allow_pickle=True)


def deflate(path):
    """A gigabyte of zeros in one megabyte."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if name == "state.json" else content + bytes(2**22))


def replace_array(array):
    def damage(path):
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, array)
        members["model/dense/0.npy"] = buffer.getvalue() + bytes(48)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return damage


def replace_state(**changes):
    def damage(path):
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["state.json"] = json.dumps({**json.loads(members["state.json"]), **changes}).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return damage


DAMAGES = {
    "truncated": truncate,
    "empty": empty,
    "a weight": flip_a_weight,
    "the state": flip_the_state,
    "no state": forget_the_state,
    "a pickle": pickle_something,
    "deflated": deflate,
    "a huge shape": replace_array({"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**9)}),
    "objects": replace_array({"descr": "|O", "fortran_order": False, "shape": (3, 4)}),
    "steps": replace_state(step=11),
    "no steps": replace_state(steps=0),
    "a history of numbers": replace_state(history=[1]),
    "a history of words": replace_state(history=[dict.fromkeys(run_folder.COLUMNS, "high")]),
    "a best epoch in words": replace_state(best_epoch="first"),
    "metrics in a list": replace_state(metrics=[1.0]),
    "another plateau": replace_state(plateau={"waited": None}),
    "a new key": replace_state(view=1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(damage, tmp_path, capsys):
    make(tmp_path, value=1.0).write(state(step=1))
    damage(make(tmp_path, value=2.0).write(state(step=2)))
    made = make(tmp_path, value=0.0)
    found, arrays = made.read()
    assert (found.step, arrays["model/dense/0"][0, 0]) == (1, 1.0)
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert re.search(r"step-000000002.npz (is damaged \(|belongs to another network)", printed)
    assert "; resuming from step-000000001.npz, epoch 1, step 1.\n" in printed

    made.assign(arrays)
    made.write(state(step=2))  # the same step again
    assert make(tmp_path).read()[0].step == 2
    assert capsys.readouterr().err == ""


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path):
    path = make(tmp_path, value=2.0).write(state(step=2))
    content = path.read_bytes()
    reader = make(tmp_path, value=2.0)
    expected = values(reader)
    noticed = 0
    for index in range(len(content)):
        path.write_bytes(content[:index] + bytes([content[index] ^ 0xFF]) + content[index + 1 :])
        try:
            found, arrays = reader.read()
        except InputError:
            noticed += 1
            continue
        assert found == state(step=2)  # a time stamp, an attribute of the container
        for name, value in expected.items():
            np.testing.assert_array_equal(arrays[name], value)
    assert noticed > len(content) / 2


def test_where_all_are_damaged_nothing_is_begun_again(tmp_path):
    made = make(tmp_path)
    for step in (1, 2):
        truncate(made.write(state(step=step)))
    with pytest.raises(
        InputError, match="No checkpoint can be used: .*step-000000002.npz is damaged .*; .*step-.*1.npz"
    ):
        made.read()
    assert len(list(made.folder.glob("step-*.npz"))) == 2  # they stay, for whoever can mend them


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    make(tmp_path).write(state())
    other = Checkpoints(tmp_path, {"model/dense/0": keras.Variable(np.zeros((3, 5), "float32"))})
    with pytest.raises(InputError, match="step-000000001.npz belongs to another network"):
        other.read()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_state_is_never_written(value, tmp_path):
    make(tmp_path).write(state(step=1))
    with pytest.raises(RunError, match="model/dense/0 is no longer finite"):
        make(tmp_path, value=value).write(state(step=2))
    assert os.listdir(tmp_path / "checkpoints") == ["step-000000001.npz"]


def test_a_full_disk_keeps_what_is_there(tmp_path, monkeypatch):
    make(tmp_path, value=1.0).write(state(step=1))

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.np.lib.format, "write_array", full)
        with pytest.raises(OSError, match="No space left on device"):
            make(tmp_path, value=2.0).write(state(step=2))
    assert os.listdir(tmp_path / "checkpoints") == ["step-000000001.npz"]
    assert make(tmp_path).read()[0].step == 1


def test_the_model_of_the_best_epoch_is_published(tmp_path):
    made = make(tmp_path)
    model = tmp_path / run_folder.MODEL
    model.write_text("of an epoch that did not count in the end")
    made.publish(state())
    assert not model.exists()
    made.folder.mkdir()
    for epoch in (1, 2, 1, 1):
        made.best(epoch).write_text(f"epoch {epoch}")
        made.publish(state(best_epoch=epoch))
        assert model.read_text() == f"epoch {epoch}"
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "model.keras"]


def test_a_missing_best_model_is_named(tmp_path):
    with pytest.raises(InputError, match="best-00003.keras, the model of the best epoch, is missing; start again with"):
        make(tmp_path).publish(state(best_epoch=3))
