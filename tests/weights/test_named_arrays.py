"""Arrays with names in the files of NumPy."""

import errno
import subprocess
import sys

import numpy as np
import pytest
from support.weight_files import blobs, caffemodel, npy_of_python2

from alexnet_keras.weights import named_arrays, trained_weights


def caffe_tensorflow(given):
    """The weights of Caffe as caffe-tensorflow turns them: fc6 reads pool5 row by row, conv1 blue, green and red."""
    filters = len(given["conv5"][1])
    layers = {name: [weight.T, bias] for name, (weight, bias) in given.items()}
    for name, (weight, bias) in given.items():
        if name.startswith("conv"):
            layers[name] = [weight.transpose(2, 3, 1, 0), bias]
    fc6 = given["fc6"][0]
    pixels_first = fc6.reshape(len(fc6), filters, 3, 3).transpose(2, 3, 1, 0).reshape(-1, len(fc6))
    return {**layers, "fc6": [pixels_first, given["fc6"][1]]}


@pytest.mark.parametrize("writer", ["Python 2", "NumPy", "dictionaries"])
def test_the_dictionary_of_caffe_tensorflow(writer, tmp_path):
    """bvlc_alexnet.npy has this structure."""
    given, path = blobs(), tmp_path / "bvlc_alexnet.npy"
    layers = {name: [np.ascontiguousarray(value) for value in pair] for name, pair in caffe_tensorflow(given).items()}
    if writer == "Python 2":
        npy_of_python2(path, layers)
    else:
        named = {name: dict(zip(("weights", "biases"), pair, strict=True)) for name, pair in layers.items()}
        np.save(path, layers if writer == "NumPy" else named, allow_pickle=True)
    read = trained_weights.read(path)
    expected = trained_weights.read(caffemodel(tmp_path / "a.caffemodel", given))
    assert (read.mean, read.stddev, read.variants) == (expected.mean, 1.0, ("caffe", "caffenet"))
    for layer, values in expected.layers.items():
        for key, value in values.items():
            np.testing.assert_array_equal(read.layers[layer][key], value, err_msg=layer)


def test_a_full_disk_is_one_error_without_a_traceback_of_its_own(tmp_path):
    """`np.savez` of NumPy 2.1 left an open ZIP file, which printed a traceback when it was collected."""
    code = (
        "import resource, signal, numpy as np; from pathlib import Path\n"
        "from alexnet_keras.weights import named_arrays\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "arrays = {f'conv{i}/kernel': np.zeros(300, np.float32) for i in range(20)}\n"
        "for size in range(3000, 27000, 997):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        named_arrays.write(Path('out.npz'), arrays, {})\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {str(errno.EFBIG)}
    assert done.stderr == ""


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_file_can_be_read_by_others_as_the_user_decided(suffix, tmp_path):
    path, other = tmp_path / f"weights{suffix}", tmp_path / "other"
    named_arrays.write(path, {"conv1/kernel": np.ones(3, np.float32)}, {})
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode
