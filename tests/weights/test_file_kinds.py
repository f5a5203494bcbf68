"""The content of a file of weights tells its format, whatever its suffix, and what else the file is."""

import numpy as np
import pytest
from support.weight_files import narrow, written

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import read_weights
from alexnet_keras.system.errors import InputError
from alexnet_keras.weights import trained_weights


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        (".pth", "a.pth.tar"),
        (".pth", "a.PTH"),
        (".pth", "pytorch_model.bin"),
        (".pth", "a.ckpt"),
        (".caffemodel", "caffe_train_iter_450000"),
        (".npz", "a.weights"),
        (".safetensors", "a.pth"),
        (".h5", "a.keras.h5"),
    ],
)
def test_the_content_decides_and_not_the_suffix(suffix, name, tmp_path):
    path = written(tmp_path / f"a{suffix}")
    expected = trained_weights.read(path)
    read = read_weights(path.rename(tmp_path / name))
    assert read.layers.keys() == expected.layers.keys()
    np.testing.assert_array_equal(read.layers["conv1"]["kernel"], expected.layers["conv1"]["kernel"])


def test_a_keras_model_with_another_suffix(tmp_path):
    path = tmp_path / "a.keras"
    AlexNet(narrow(), classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3)).save(path)
    assert read_weights(path.rename(tmp_path / "model.bin")).mean == (1, 2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; copy or download it again"),
        (b"\x1f\x8b\x08", "is compressed by gzip; unpack it"),
        (b"<!DOCTYPE html>", "is a web page instead of a file of weights; download the file itself"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a pointer of Git LFS instead of the file; fetch the file",
        ),
        (bytes(257) + b"ustar\x0000", "is a tar archive; unpack it and name the file of weights in it"),
        (
            b"Once upon a time, there was no network.",
            "has none of the formats .keras, .alexnet, .caffemodel, .pth, .safetensors",
        ),
    ],
)
def test_other_files_are_named_by_their_content(content, message, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(InputError, match=f"a.pth {message}"):
        read_weights(tmp_path / "a.pth")
