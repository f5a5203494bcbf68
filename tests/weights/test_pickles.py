"""A pickle in a file of weights gives its plain values, and nothing that it names is made."""

import collections
import os
import pickle
from argparse import Namespace

import numpy as np
import pytest
from support.weight_files import checkpoint, pth, state_dict

from alexnet_keras.system.errors import InputError
from alexnet_keras.weights import trained_weights


class Program:
    """Something that would make a folder if it were unpickled."""

    def __reduce__(self):
        return os.mkdir, ("made by a pickle",)


OTHERS = {
    "counter": pickle.dumps(collections.Counter(cat=1), 2),
    "options": pickle.dumps(Namespace(lr=0.1, milestones={30, 60}), 2),
    "best": pickle.dumps(np.float64(56.5), 2),
    "groups": pickle.dumps(collections.defaultdict(list, a=[1]), 2),
    "shapes": pickle.dumps({(1, 2): 3.0, 4: b"x", None: frozenset("a")}, 2),
    "program": pickle.dumps(Program(), 2),
    "optimizer": checkpoint(state=state_dict({"exp_avg": np.ones(2, "float32")})),
}


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "backbone.alexnet."])
def test_a_nested_state_dict_beside_other_objects(key, prefix, torchvision, assert_torchvisions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tensors = {prefix + name: value for name, value in torchvision.items()}
    pickled = checkpoint(**OTHERS, **{key: checkpoint(inner=state_dict(tensors))})
    assert_torchvisions(trained_weights.read(pth(tmp_path / "a.pth", tensors, pickled)))
    assert os.listdir(tmp_path) == ["a.pth"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), "is not a dictionary of arrays in an .npy file, or is damaged .it is one array without the names"),
        ({"conv1": Program()}, "has an object of 'posix.mkdir' where weights have another type; download it"),
        ({"conv1": [Program(), np.ones(1)]}, "has an object of 'posix.mkdir' where weights have another type"),
        ({"conv1": [np.array([print]), np.ones(1)]}, "has an array of Python objects or of a wrong shape where weig"),
        (
            {"conv1": [np.ones((11, 11, 3, 4)), np.ones(3)]},
            ".* conv1 has a kernel of shape .11, 11, 3, 4. and 3 biases",
        ),
        ({"layer": [np.ones(2), np.ones(2)]}, "has no layer of an AlexNet, only layer; check the file"),
    ],
)
def test_other_npy_files(value, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "a.npy", value, allow_pickle=True)
    with pytest.raises(InputError, match=f"a.npy {message}"):
        trained_weights.read(tmp_path / "a.npy")
    assert os.listdir(tmp_path) == ["a.npy"]
