"""Files as others publish them: any suffix, nested state dicts, prefixes, old formats, Keras and caffe-tensorflow."""

import collections
import os
import pickle
from argparse import Namespace

import h5py
import keras
import numpy as np
import pytest
from support.weight_files import (
    blobs,
    caffemodel,
    checkpoint,
    field,
    legacy_pth,
    narrow,
    new_blob,
    npy_of_python2,
    pth,
    state_dict,
    state_dict_of_python2,
    torchvision_tensors,
    unpacked_blob,
    written,
)

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import read_weights
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights import trained_weights

GIVEN = blobs(groups=1)
TENSORS = torchvision_tensors(GIVEN)


class Program:
    """Something that would make a folder if it were unpickled."""

    def __reduce__(self):
        return os.mkdir, ("made by a pickle",)


def assert_torchvisions(weights, given=GIVEN):
    """Assert that weights are those of `GIVEN`, whose third convolution is only transposed."""
    assert list(weights.layers) == list(given)
    assert weights.unknown == ()
    np.testing.assert_array_equal(weights.layers["conv3"]["kernel"], given["conv3"][0].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(weights.layers["fc8"]["bias"], given["fc8"][1])


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
def test_a_nested_state_dict_beside_other_objects(key, prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tensors = {prefix + name: value for name, value in TENSORS.items()}
    pickled = checkpoint(**OTHERS, **{key: checkpoint(inner=state_dict(tensors))})
    assert_torchvisions(trained_weights.read(pth(tmp_path / "a.pth", tensors, pickled)))
    assert os.listdir(tmp_path) == ["a.pth"]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("wrapper", ["module", "_orig_mod"])
def test_prefixes_within_a_name(suffix, wrapper, tmp_path):
    tensors = {name.replace("features.", f"features.{wrapper}."): value for name, value in TENSORS.items()}
    path = tmp_path / f"a{suffix}"
    if suffix == ".pth":
        pth(path, tensors)
    else:
        from safetensors.numpy import save_file

        save_file(tensors, path)
    assert_torchvisions(trained_weights.read(path))


def test_two_networks_in_one_state_dict(tmp_path):
    tensors = {f"{name}.features.0.weight": np.ones((4, 3, 11, 11), "float32") for name in ("student", "teacher")}
    with pytest.raises(
        InputError, match="the file has two networks, such as student.features.0.weight, teacher.features.0.weight; sav"
    ):
        trained_weights.read(pth(tmp_path / "a.pth", tensors))


def test_a_missing_layer_is_named_with_the_names_that_the_file_has(tmp_path):
    tensors = {name.replace("features.10", "features.12"): value for name, value in TENSORS.items()}
    message = "fc6 is there, but conv5 is missing, .*, and the file also has features.12.weight, features.12.bias"
    with pytest.raises(InputError, match=message):
        trained_weights.read(pth(tmp_path / "a.pth", tensors))


def test_a_checkpoint_of_python_2_and_pytorch_0_2(tmp_path):
    """Like alexnet_places365.pth.tar, whose features are in a DataParallel."""
    tensors = {name.replace("features.", "features.module."): value for name, value in TENSORS.items()}
    pickled = checkpoint(arch=b"U\x07alexnet.", state_dict=state_dict_of_python2(tensors))
    assert_torchvisions(trained_weights.read(legacy_pth(tmp_path / "alexnet.pth.tar", tensors, pickled)))


def test_unpacked_numbers_of_caffe(tmp_path):
    given = blobs()
    read = trained_weights.read(caffemodel(tmp_path / "a.caffemodel", given, make=unpacked_blob))
    np.testing.assert_array_equal(read.layers["fc7"]["kernel"], given["fc7"][0].T)
    blob = unpacked_blob(np.ones(2, "float32"))[:-3]
    (tmp_path / "b.caffemodel").write_bytes(field(100, field(1, b"conv1") + field(7, blob)))
    with pytest.raises(InputError, match="b.caffemodel is not a .caffemodel, or is damaged .it is truncated"):
        trained_weights.read(tmp_path / "b.caffemodel")


def test_a_caffemodel_of_2013_is_named(tmp_path):
    layer = field(1, field(1, b"conv1") + field(50, new_blob(np.ones(2, "float32"))))
    (tmp_path / "a.caffemodel").write_bytes(field(1, b"CaffeNet") + field(2, layer))
    with pytest.raises(InputError, match="a.caffemodel has the format V0 .* Caffe's program upgrade_net_proto_binary"):
        trained_weights.read(tmp_path / "a.caffemodel")


def test_the_hdf5_form_of_a_caffemodel(tmp_path):
    given = blobs()
    with h5py.File(tmp_path / "a.caffemodel.h5", "w") as file:
        file.create_group("data/relu1")
        for layer, pair in given.items():
            for index, value in enumerate(pair):
                file[f"data/{layer}/{index}"] = value
    read = trained_weights.read(tmp_path / "a.caffemodel.h5")
    expected = trained_weights.read(caffemodel(tmp_path / "a.caffemodel", given))
    assert read.mean == expected.mean
    for layer, values in expected.layers.items():
        for key, value in values.items():
            np.testing.assert_array_equal(read.layers[layer][key], value, err_msg=layer)


@pytest.mark.parametrize("file", ["a.h5", "a.weights.h5"])
@pytest.mark.parametrize("batch_normalization", [False, True])
def test_a_trained_model_that_keras_saved_as_hdf5(file, batch_normalization, tmp_path):
    spec = narrow(batch_normalization=batch_normalization)
    model = AlexNet(spec, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    for weight in model.weights:
        weight.assign(keras.random.normal(weight.shape))
    if file == "a.h5":
        model.save(tmp_path / file)
    else:
        model.save_weights(tmp_path / file)
    read = read_weights(tmp_path / file)
    if file == "a.h5":
        assert (read.mean, read.class_names) == ((1, 2, 3), ("a", "b", "c"))
    assert not any("adam" in name for name in read.unknown)
    again = AlexNet(spec, classes=3, input_shape=(67, 67, 3), weights=tmp_path / file)
    for weight, expected in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())


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


BIG_ENDIAN = {"conv1": [np.ones((11, 11, 3, 4), ">f4"), np.arange(4, dtype=">f8")]}


def test_big_endian_arrays_and_arrays_in_the_order_of_fortran(tmp_path):
    arrays = {**BIG_ENDIAN, "conv3": [np.asfortranarray(np.random.rand(3, 3, 6, 8)), np.ones(8)]}
    np.save(tmp_path / "a.npy", arrays, allow_pickle=True)
    read = trained_weights.read(tmp_path / "a.npy")
    np.testing.assert_array_equal(read.layers["conv1"]["bias"], np.arange(4))
    np.testing.assert_array_equal(read.layers["conv3"]["kernel"], arrays["conv3"][0].astype("float32"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), "is not a dictionary of arrays in an .npy file, or is damaged .it is one array without the names"),
        ({"conv1": Program()}, "has an object of 'posix.mkdir' where weights have another type"),
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


@pytest.mark.parametrize("word", ["imagenet", "IMAGENET1K_V1"])
def test_the_word_imagenet_says_where_weights_are(word):
    with pytest.raises(
        OptionError, match="Download https://download.pytorch.org/models/alexnet-owt-7be5be79.pth .* weights import "
    ):
        AlexNet(weights=word)
