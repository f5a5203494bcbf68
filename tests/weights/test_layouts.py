"""One layout of weights, whatever the names and the order in a file."""

import numpy as np
import pytest
from support.weight_files import blobs, caffemodel, pth

from alexnet_keras.system.errors import InputError
from alexnet_keras.weights import trained_weights


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("wrapper", ["module", "_orig_mod"])
def test_prefixes_within_a_name(suffix, wrapper, torchvision, assert_torchvisions, tmp_path):
    tensors = {name.replace("features.", f"features.{wrapper}."): value for name, value in torchvision.items()}
    path = tmp_path / f"a{suffix}"
    if suffix == ".pth":
        pth(path, tensors)
    else:
        from safetensors.numpy import save_file

        save_file(tensors, path)
    assert_torchvisions(trained_weights.read(path))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"conv3": [np.ones((8, 6, 3, 3), "float32"), np.ones(7, "float32")]}, "conv3 has 8 outputs and 7 biases"),
        ({"conv5": []}, "fc6 is there, but conv5 is missing, on which the order of its"),
        (
            {"fc6": [np.ones((10, 50)), np.ones(10)]},
            "fc6 has 50 inputs, which is no square for each of the 6 channels",
        ),
    ],
)
def test_layers_that_are_not_alexnets(damage, message, tmp_path):
    path = caffemodel(tmp_path / "a.caffemodel", {**blobs(), **damage})
    with pytest.raises(
        InputError, match=f"The weights in .*a.caffemodel are not those of an AlexNet: {message}.*; pass another"
    ):
        trained_weights.read(path)
