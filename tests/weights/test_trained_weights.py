"""Trained weights from files of every kind, assigned to a model, and what is refused."""

import h5py
import keras
import numpy as np
import pytest
from support import SHARED_DATA
from support.weight_files import blobs, caffemodel, narrow, pth, torchvision_tensors, written

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import weights_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights import named_arrays, trained_weights
from alexnet_keras.weights.trained_weights import Weights


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = AlexNet(narrow(), classes=3, input_shape=(131, 131, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    for weight in model.trainable_weights:
        weight.assign(keras.random.normal(weight.shape))
    return model


def fresh(**changes):
    return AlexNet(narrow(**changes), classes=3, input_shape=(131, 131, 3))


def assert_equal(one, other):
    for weight, expected in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torchvisions_file_becomes_ours(suffix, tmp_path):
    given = blobs(groups=1)
    path = tmp_path / f"alexnet{suffix}"
    if suffix == ".pth":
        pth(path, torchvision_tensors(given))
    else:
        from safetensors.numpy import save_file

        save_file(torchvision_tensors(given), path)
    read = trained_weights.read(path)
    assert list(read.layers) == list(given)
    assert read.variants == ("owt",)
    # For every colour x: (x / 255 - mean) / stddev * weight = (x - our mean) / our stddev * our weight.
    for color, mean, stddev in zip(range(3), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True):
        ours = (200 - read.mean[color]) / read.stddev * read.layers["conv1"]["kernel"][4, 5, color, 2]
        assert ours == pytest.approx((200 / 255 - mean) / stddev * given["conv1"][0][2, color, 4, 5], rel=1e-6)
    np.testing.assert_array_equal(read.layers["conv3"]["kernel"], given["conv3"][0].transpose(2, 3, 1, 0))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_was_exported_comes_back_bit_by_bit(model, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    trained_weights.export(path, weights_of(model))
    read = trained_weights.read(path)
    assert (read.mean, read.stddev, read.class_names) == ((1.0, 2.0, 3.0), 64.0, ("a", "b", "c"))
    assert read.variants == ("narrow",)
    assert read.layers["conv2"]["kernel"].shape == (5, 5, 2, 6)  # of a grouped convolution
    again = fresh()
    trained_weights.assign(read, "narrow", again.layers)
    assert_equal(again, model)


def test_keras_weights_and_plain_data_sets_of_hdf5(model, tmp_path):
    model.save_weights(tmp_path / "a.weights.h5")
    read = trained_weights.read(tmp_path / "a.weights.h5")
    assert (read.mean, read.stddev, read.class_names) == (None, None, None)
    again = fresh()
    trained_weights.assign(read, "narrow", again.layers)
    assert_equal(again, model)

    with h5py.File(tmp_path / "b.h5", "w") as file:
        for layer in model.layers:  # of two towers, as Keras names them
            for weight in layer.weights:
                file[f"{layer.name}/{weight.name}"] = weight.numpy()
    again = fresh()
    trained_weights.assign(trained_weights.read(tmp_path / "b.h5"), "narrow", again.layers)
    assert_equal(again, model)


def test_the_convolutions_of_caffe_in_an_npz(tmp_path):
    given = blobs()
    arrays = {f"{name}_{kind}": value for name, pair in given.items() for kind, value in zip("wb", pair, strict=True)}
    del arrays["fc7_w"]
    np.savez(tmp_path / "a.npz", **arrays)
    read = trained_weights.read(tmp_path / "a.npz")
    assert list(read.layers) == [name for name in given if name != "fc7"]
    assert read.unknown == ("fc7_b",)
    np.testing.assert_array_equal(read.layers["conv1"]["kernel"][:, :, ::-1].transpose(3, 2, 0, 1), given["conv1"][0])


def test_the_real_convolutions(shared_data):
    read = trained_weights.read(SHARED_DATA / "bvlc_alexnet_conv.npz")
    model = AlexNet(Architecture(name="caffes", towers=2), include_top=False)
    trained_weights.assign(read, "caffes", model.layers)
    assert model.get_layer("conv1a").kernel.shape == (11, 11, 3, 48)


# What is refused.


def test_a_file_that_lacks_layers(model, tmp_path):
    path = caffemodel(tmp_path / "a.caffemodel", {key: pair for key, pair in blobs().items() if key != "fc7"})
    again = fresh()
    before = [weight.numpy() for weight in again.weights]
    with pytest.raises(
        InputError, match="a.caffemodel lacks fc7; pass `allow_missing=True` for initial weights there."
    ):
        trained_weights.assign(trained_weights.read(path), "narrow", again.layers)
    for weight, value in zip(again.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    trained_weights.assign(trained_weights.read(path), "narrow", again.layers, allow_missing=True)
    np.testing.assert_array_equal(
        again.get_layer("fc7a").kernel.numpy(), before[[w.path for w in again.weights].index("fc7a/kernel")]
    )
    assert not np.array_equal(again.get_layer("conv1a").kernel.numpy(), before[0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"layers": {"conv9": {"kernel": np.ones(1)}}},
            "file has conv9, which the model lacks; choose another `variant`",
        ),
        (
            {"unknown": ("fc8_cars",)},
            "file lacks conv1, .*, fc8 and has the unknown fc8_cars; pass `allow_missing=True`",
        ),
        ({"variants": ("owt",), "variant": "paper"}, "file is for `variant` owt, got paper; pass owt."),
        (
            {"layers": {"conv2": {"kernel": np.ones((5, 5, 4, 6)), "bias": np.ones(6)}}, "allow": True},
            r"file has conv2/kernel of shape \(5, 5, 4, 6\), the model needs \(5, 5, 2, 6\); choose the variant",
        ),
        (
            {"layers": {"fc8": {"kernel": np.ones((12, 3))}}, "allow": True},
            r"file has fc8/bias of shape None, the model needs \(3,\)",
        ),
    ],
)
def test_weights_that_do_not_fit(given, message, model):
    before = model.get_layer("conv1a").kernel.numpy()
    variant, allow = given.pop("variant", "narrow"), given.pop("allow", False)
    with pytest.raises(InputError, match=message):
        trained_weights.assign(
            Weights(source="file", **{"layers": {}, **given}), variant, model.layers, allow_missing=allow
        )
    np.testing.assert_array_equal(model.get_layer("conv1a").kernel.numpy(), before)


KINDS = {
    ".caffemodel": "not a .caffemodel",
    ".pth": "not a PyTorch file",
    ".npz": "not an .npz file of arrays",
    ".safetensors": "not a .safetensors file",
    ".h5": "not an HDF5 file",
}


@pytest.mark.parametrize(("suffix", "message"), KINDS.items())
def test_truncated_files(suffix, message, tmp_path):
    path = written(tmp_path / f"a{suffix}")
    trained_weights.read(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=f"a{suffix} (is {message}|has no layer of|is (truncated|damaged))"):
        trained_weights.read(path)


def test_other_files_that_cannot_be_read(tmp_path):
    with pytest.raises(OptionError, match="The weights file .*absent.npz does not exist"):
        trained_weights.read(tmp_path / "absent.npz")
    np.savez(tmp_path / "a.npz", other=np.ones(2))
    with pytest.raises(InputError, match="a.npz has no layer of an AlexNet, only other"):
        trained_weights.read(tmp_path / "a.npz")
    given = blobs(groups=1)
    given["conv1"][0][0, 0, 0, 0] = np.inf
    with pytest.raises(InputError, match="a.pth has NaN or infinite values in conv1/kernel"):
        trained_weights.read(pth(tmp_path / "a.pth", torchvision_tensors(given)))
    np.savez(tmp_path / "a.npz", **{"conv1/bias": np.array([1, np.nan])})
    with pytest.raises(InputError, match="a.npz has NaN or infinite values in conv1/bias"):
        trained_weights.read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{"conv1/bias": np.array([print])}, allow_pickle=True)
    with pytest.raises(InputError, match="a.npz is not an .npz file of arrays, or is damaged .*; download it again"):
        trained_weights.read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{"conv1/bias": np.ones(2), "metadata": np.array("{")})
    with pytest.raises(InputError, match="The metadata of .*a.npz is damaged: it holds no valid JSON"):
        trained_weights.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mean": [1, 2]}, r"`mean` must be three numbers from 0 to 255, got \(1, 2\)."),
        ({"stddev": 0}, "`stddev` must be positive and finite, got 0."),
        ({"variants": "paper"}, "metadata.variants must be a list, got 'paper'"),
        ({"colour": 1}, "metadata has an unknown key 'colour'"),
    ],
)
def test_metadata_that_cannot_be_used(values, message, tmp_path):
    named_arrays.write(tmp_path / "a.npz", {"conv1/bias": np.ones(4, "float32")}, values)
    with pytest.raises(InputError, match=f"a.npz has metadata that cannot be used: {message}.* Write the file again"):
        trained_weights.read(tmp_path / "a.npz")


def test_two_networks_in_one_state_dict(tmp_path):
    tensors = {f"{name}.features.0.weight": np.ones((4, 3, 11, 11), "float32") for name in ("student", "teacher")}
    with pytest.raises(
        InputError,
        match="the file has two networks, such as student.features.0.weight, teacher.features.0.weight, ins",
    ):
        trained_weights.read(pth(tmp_path / "a.pth", tensors))


def test_a_missing_layer_is_named_with_the_names_that_the_file_has(torchvision, tmp_path):
    tensors = {name.replace("features.10", "features.12"): value for name, value in torchvision.items()}
    message = "fc6 is there, but conv5 is missing, .*, and the file also has features.12.weight, features.12.bias"
    with pytest.raises(InputError, match=message):
        trained_weights.read(pth(tmp_path / "a.pth", tensors))


@pytest.mark.parametrize("word", ["imagenet", "IMAGENET1K_V1"])
def test_the_word_imagenet_says_where_weights_are(word):
    published = (
        r"Download https://download.pytorch.org/models/alexnet-owt-7be5be79.pth \(torchvision, `variant='owt'`\)"
    )
    with pytest.raises(OptionError, match=f"{published} .*, and pass the path of that file"):
        AlexNet(weights=word)
