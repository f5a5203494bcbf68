"""Trained weights from files of every kind, written here byte by byte, and what is refused."""

import dataclasses
import pickle
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest
from support import SHARED_DATA, cli, only_error

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model, weights_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights import named_arrays, trained_weights
from alexnet_keras.weights.trained_weights import Weights, pytorch

GROUPED = {"conv2", "conv4", "conv5"}
SIDE = 67  # pool5 is then 1 x 1; 131 makes it 3 x 3


def blobs(filters=(4, 6, 8, 4, 6), units=(10, 12), classes=3, pool5=3, groups=2, seed=0):
    """Random weights and biases of a narrow AlexNet, channels first as Caffe and PyTorch have them."""
    random = np.random.RandomState(seed)
    sizes, inputs = (11, 5, 3, 3, 3), (3, *filters[:4])
    shapes = {
        f"conv{number}": (outs, ins // (groups if f"conv{number}" in GROUPED else 1), size, size)
        for number, outs, ins, size in zip(range(1, 6), filters, inputs, sizes, strict=True)
    }
    widths = (filters[4] * pool5**2, *units, classes)
    shapes |= {f"fc{number}": (outs, ins) for number, ins, outs in zip((6, 7, 8), widths, widths[1:], strict=False)}
    return {
        name: [random.normal(0, 0.1, shape).astype("float32"), random.normal(0, 0.1, shape[:1]).astype("float32")]
        for name, shape in shapes.items()
    }


def narrow(**changes):
    values = {"name": "narrow", "filters": (4, 6, 8, 4, 6), "hidden_units": (10, 12), "initializer": "he_normal"}
    return Architecture(**{**values, **changes})


# Caffe's files: fields of protobuf, by hand.


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def new_blob(value):
    shape = field(7, field(1, b"".join(map(varint, value.shape))))
    return shape + field(5, value.astype("<f4").tobytes())


def old_blob(value):
    shape = (1,) * (4 - value.ndim) + value.shape
    sides = b"".join(field(number, side) for number, side in enumerate(shape, 1))
    return sides + field(8, value.astype("<f8").tobytes())


def caffemodel(path, layers, old=False, order=("norm1", "pool1")):
    layer, blob, name, make = (2, 6, 4, old_blob) if old else (100, 7, 1, new_blob)
    found = [("data", []), *list(layers.items())[:1], *((each, []) for each in order), *list(layers.items())[1:]]
    parts = [
        field(name, title.encode()) + b"".join(field(blob, make(value)) for value in values) for title, values in found
    ]
    path.write_bytes(field(1, b"AlexNet") + b"".join(field(layer, part) for part in parts))
    return path


@pytest.mark.parametrize("old", [False, True])
def test_caffes_file_becomes_ours(old, tmp_path):
    given = blobs()
    read = trained_weights.read(caffemodel(tmp_path / "a.caffemodel", given, old))
    assert list(read.layers) == list(given)
    assert (read.mean, read.stddev, read.variants, read.unknown) == ((123.0, 117.0, 104.0), 1.0, ("caffe",), ())
    kernel, theirs = read.layers["conv1"]["kernel"], given["conv1"][0]
    for out, blue, row, column in ((0, 0, 0, 0), (3, 1, 10, 2), (2, 2, 5, 7)):
        assert kernel[row, column, 2 - blue, out] == theirs[out, blue, row, column]
    assert read.layers["conv2"]["kernel"][4, 3, 1, 5] == given["conv2"][0][5, 1, 4, 3]
    # Value 3 * 3 * 4 + 3 * 1 + 2 of pool5 in Caffe is map 4, row 1, column 2; here it is (3 * 1 + 2) * 6 + 4.
    assert read.layers["fc6"]["kernel"][34, 7] == given["fc6"][0][7, 41]
    np.testing.assert_array_equal(read.layers["fc8"]["kernel"], given["fc8"][0].T)
    np.testing.assert_array_equal(read.layers["fc8"]["bias"], given["fc8"][1])


PROTOTXT = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 3 dim: 131 dim: 131 }} }} }}
{conv1} {relu1} {norm1} {pool1} {conv2} {relu2} {norm2} {pool2} {conv3} {relu3} {conv4} {relu4} {conv5} {relu5} {pool5}
{fc6} {relu6} {fc7} {relu7} {fc8}
layer {{ name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }}
"""


def prototxt(given, pool_first):
    """The deploy.prototxt of a narrow bvlc_alexnet, or of bvlc_reference_caffenet."""
    options = {1: "stride: 4", 2: "pad: 2 group: 2", 3: "pad: 1", 4: "pad: 1 group: 2", 5: "pad: 1 group: 2"}
    layers, bottom = {}, "data"

    def add(name, kind, parameters=""):
        nonlocal bottom
        layers[name] = f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" {parameters} }}'
        bottom = name

    for number in range(1, 9):
        name = f"conv{number}" if number < 6 else f"fc{number}"
        outs, size = given[name][0].shape[0], given[name][0].shape[-1]
        if number < 6:
            add(
                name, "Convolution", f"convolution_param {{ num_output: {outs} kernel_size: {size} {options[number]} }}"
            )
        else:
            add(name, "InnerProduct", f"inner_product_param {{ num_output: {outs} }}")
        if number < 8:
            add(f"relu{number}", "ReLU")
        kinds = [] if number not in (1, 2, 5) else ["pool"] if number == 5 else ["norm", "pool"]
        for kind in reversed(kinds) if pool_first else kinds:
            if kind == "norm":
                add(f"norm{number}", "LRN", "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")
            else:
                add(f"pool{number}", "Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 }")
    order = PROTOTXT
    if pool_first:
        order = order.replace("{norm1} {pool1}", "{pool1} {norm1}").replace("{norm2} {pool2}", "{pool2} {norm2}")
    return order.format(**layers)


@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
def test_opencv_computes_the_same(variant, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    given = blobs(filters=(8, 16, 12, 12, 8))
    order = ("norm1", "pool1") if variant == "caffe" else ("pool1", "norm1")
    path = caffemodel(tmp_path / "a.caffemodel", given, order=order)
    (tmp_path / "deploy.prototxt").write_text(prototxt(given, pool_first=variant == "caffenet"))
    network = cv2.dnn.readNetFromCaffe(str(tmp_path / "deploy.prototxt"), str(path))
    images = np.random.RandomState(5).randint(0, 256, (2, 131, 131, 3), dtype=np.uint8)
    network.setInput((images[..., ::-1] - np.array([104.0, 117.0, 123.0])).transpose(0, 3, 1, 2).astype("float32"))
    model = AlexNet(
        variant, classes=3, input_shape=(131, 131, 3), weights=path, filters=(8, 16, 12, 12, 8), hidden_units=(10, 12)
    )
    stages = keras.Model(model.input, [model.get_layer(name).output for name in ("norm2", "conv5a", "conv5b", "fc8")])
    ours = [np.asarray(value) for value in stages(images)]
    theirs = network.forward(["norm2", "relu5", "fc8"])
    maps = [np.concatenate(ours[1:3], axis=-1), ours[0]]
    for value, expected in zip(maps, (theirs[1], theirs[0]), strict=True):
        np.testing.assert_allclose(value.transpose(0, 3, 1, 2), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(ours[3], theirs[2], rtol=1e-4, atol=1e-3 * np.abs(theirs[2]).max())


def test_the_order_of_pooling_and_normalization_tells_caffenet(tmp_path):
    path = caffemodel(tmp_path / "a.caffemodel", blobs(), order=("pool1", "norm1"))
    assert trained_weights.read(path).variants == ("caffenet",)


# PyTorch's files: the pickle's instructions, by hand.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(module, what):
    return f"c{module}\n{what}\n".encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key, value, legacy=False):
    steps = [stride // value.itemsize for stride in value.strides]
    kind = {"float32": "FloatStorage", "float16": "HalfStorage"}[value.dtype.name]
    identity = text("storage") + name("torch", kind) + text(key) + text("cpu") + number(value.size)
    storage = b"(" + identity + (b"N" if legacy else b"") + b"tQ"
    arguments = (
        storage + number(0) + numbers(value.shape) + numbers(steps) + b"\x89" + name("collections", "OrderedDict")
    )
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b")Rt" + b"R"


def state_dict(arrays, legacy=False):
    """As `torch.save(module.state_dict())` writes it: an ordered dict with an attribute of its own."""
    items = b"".join(text(key) + tensor(str(place), value, legacy) for place, (key, value) in enumerate(arrays.items()))
    attributes = b"}" + text("_metadata") + name("collections", "OrderedDict") + b")Rs"
    return b"\x80\x02" + name("collections", "OrderedDict") + b")Rq\x01(" + items + b"u" + attributes + b"b."


def pth(path, arrays, pickled=None):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("alexnet/data.pkl", pickled or state_dict(arrays))
        archive.writestr("alexnet/byteorder", "little")
        for place, value in enumerate(arrays.values()):
            archive.writestr(f"alexnet/data/{place}", memory_of(value))
    return path


def memory_of(value):
    return value.T.tobytes() if value.ndim > 1 and value.flags.f_contiguous else value.tobytes()


def legacy_pth(path, arrays):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [*(pickle.dumps(value, protocol=2) for value in head), state_dict(arrays, legacy=True)]
    parts += [pickle.dumps([str(place) for place in range(len(arrays))], protocol=2)]
    parts += [struct.pack("<q", value.size) + memory_of(value) for value in arrays.values()]
    path.write_bytes(b"".join(parts))
    return path


def torchvision_tensors(given):
    names = dict(zip(given, ("features.0", "features.3", "features.6", "features.8", "features.10"), strict=False))
    names |= {"fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"}
    return {
        f"{names[layer]}.{kind}": value
        for layer, pair in given.items()
        for kind, value in zip(("weight", "bias"), pair, strict=True)
    }


@pytest.mark.parametrize("write", [pth, legacy_pth])
def test_tensors_of_a_pth_by_name_type_and_stride(write, tmp_path):
    arrays = {"module.a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.arange(4, dtype="float16")}
    arrays["turned"] = np.asfortranarray(np.arange(6, dtype="float32").reshape(3, 2))
    read = pytorch.read(write(tmp_path / "a.pth", arrays))
    assert list(read) == ["a", "b", "turned"]
    for value, expected in zip(read.values(), arrays.values(), strict=True):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


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


def test_a_checkpoints_state_dict_is_found(tmp_path):
    arrays = {"x": np.ones(2, "float32")}
    inner = state_dict(arrays)[2:-1]
    pickled = b"\x80\x02}(" + text("epoch") + number(3) + text("state_dict") + inner + b"u."
    np.testing.assert_array_equal(pytorch.read(pth(tmp_path / "a.pth", arrays, pickled))["x"], arrays["x"])


def test_pytorch_itself_agrees(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer = torch.nn.Conv2d(3, 4, 5)
    state = {**layer.state_dict(), "half": torch.arange(4).to(torch.bfloat16), "turned": torch.rand(3, 2).T}
    for zipped in (True, False):
        torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        read = pytorch.read(tmp_path / "a.pth")
        assert list(read) == list(state)
        for key, value in state.items():
            np.testing.assert_array_equal(read[key].astype("float32"), value.float().numpy())


# Files by the names of layers.


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
        ({"variants": ("owt",), "variant": "paper"}, "file is for `variant` owt, got paper"),
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


@pytest.mark.parametrize(
    ("module", "what"), [("posix", "system"), ("builtins", "eval"), ("torch.nn.modules.conv", "Conv2d")]
)
def test_a_pickle_that_would_run_code_is_refused_by_name(module, what, tmp_path):
    pickled = b"\x80\x02" + name(module, what) + b"(" + text("touch ran") + b"tR."
    path = pth(tmp_path / "a.pth", {"x": np.ones(2, "float32")}, pickled)
    with pytest.raises(
        InputError, match=f"a.pth names '{module}.{what}', which could execute code, so it is not read: sav"
    ):
        trained_weights.read(path)
    assert [item.name for item in tmp_path.iterdir()] == ["a.pth"]


ONES = {"x": np.ones(2, "float32")}


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02}.", "has no state dict: save"),
        (b"\x80\x02(i__main__\nA\n.", "has the pickle instruction INST, which no state dict needs, so it is not read"),
        (state_dict(ONES)[:-1], "is not a PyTorch file, or is damaged .pickle exhausted before seeing STOP"),
        (state_dict({"x": np.ones(3, "float32")}), "has a storage '0' of 8 bytes, not 3 numbers"),
        (
            state_dict(ONES).replace(numbers((2,)) + numbers((1,)), numbers((2,)) + numbers((9,))),
            r"has a tensor of shape \(2,\) in a storage of 2 numbers",
        ),
        (
            state_dict(ONES).replace(numbers((2,)), numbers((-2,))),
            "calls Name.text='torch._utils._rebuild_tensor_v2'. w",
        ),
        (state_dict(ONES).replace(text("storage"), text("station")), "has a tensor in a storage of an unknown kind"),
    ],
)
def test_a_damaged_pth(pickled, message, tmp_path):
    with pytest.raises(InputError, match=f"a.pth {message}"):
        trained_weights.read(pth(tmp_path / "a.pth", ONES, pickled))


def test_a_zip_that_is_not_pytorchs_and_a_truncated_old_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("a.txt", "")
    with pytest.raises(InputError, match="a.pth is a ZIP file without data.pkl, so PyTorch did not write it"):
        trained_weights.read(tmp_path / "a.pth")
    path = legacy_pth(tmp_path / "b.pth", ONES)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="b.pth is truncated"):
        trained_weights.read(path)
    path.write_bytes(pickle.dumps(1, protocol=2))
    with pytest.raises(InputError, match="b.pth is not a PyTorch file"):
        trained_weights.read(path)


def written(path):
    """A good file of the kind that the suffix says."""
    if path.suffix == ".caffemodel":
        return caffemodel(path, blobs())
    if path.suffix == ".pth":
        return pth(path, torchvision_tensors(blobs(groups=1)))
    arrays = {"conv1/kernel": np.ones((11, 11, 3, 4), "float32"), "conv1/bias": np.ones(4, "float32")}
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value
    else:
        named_arrays.write(path, arrays, {})
    return path


KINDS = {
    ".caffemodel": "not a .caffemodel",
    ".pth": "not a PyTorch file",
    ".npz": "not an .npz file of arrays",
    ".safetensors": "not a .safetensors file",
    ".h5": "not an HDF5 file",
}


@pytest.mark.parametrize(("suffix", "message"), KINDS.items())
def test_truncated_files_and_files_of_something_else(suffix, message, tmp_path):
    path = written(tmp_path / f"a{suffix}")
    trained_weights.read(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) * 2 // 3], b"Once upon a time, there was no network.", b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"a{suffix} (is {message}|has no layer of|is truncated)"):
            trained_weights.read(path)


def test_other_files_that_cannot_be_read(tmp_path):
    with pytest.raises(OptionError, match="The weights file .*absent.npz does not exist"):
        trained_weights.read(tmp_path / "absent.npz")
    (tmp_path / "a.txt").touch()
    with pytest.raises(
        OptionError, match="Weights are read from .keras, .caffemodel, .* files, got 'a.txt'; convert it"
    ):
        trained_weights.read(tmp_path / "a.txt")
    with pytest.raises(OptionError, match="`output` must end in .npz or .safetensors, got 'a.h5'"):
        trained_weights.export(tmp_path / "a.h5", Weights(source="", layers={}))
    np.savez(tmp_path / "a.npz", other=np.ones(2))
    with pytest.raises(InputError, match="a.npz has no layer of an AlexNet, only other"):
        trained_weights.read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{"conv1/bias": np.array([1, np.nan])})
    with pytest.raises(InputError, match="a.npz has NaN or infinite values in conv1/bias"):
        trained_weights.read(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_text("hello")
    with pytest.raises(
        InputError, match=r"a.npz is not an .npz file of arrays, or is damaged \(it is not a complete ZIP"
    ):
        trained_weights.read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{"conv1/bias": np.array([print])}, allow_pickle=True)
    with pytest.raises(InputError, match="a.npz is not an .npz file of arrays, or is damaged"):
        trained_weights.read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{"conv1/bias": np.ones(2), "metadata": np.array("{")})
    with pytest.raises(InputError, match="a.npz is without readable metadata"):
        trained_weights.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"conv3": [np.ones((8, 6, 3, 3), "float32"), np.ones(7, "float32")]}, "conv3 has 8 outputs and 7 biases"),
        ({"conv5": []}, "the order of the inputs of fc6 depends on conv5"),
        (
            {"fc6": [np.ones((10, 50)), np.ones(10)]},
            "fc6 has 50 inputs, which is no square for each of the 6 channels",
        ),
    ],
)
def test_layers_that_are_not_alexnets(damage, message, tmp_path):
    path = caffemodel(tmp_path / "a.caffemodel", {**blobs(), **damage})
    with pytest.raises(InputError, match=f"The weights in .*a.caffemodel are not those of an AlexNet: {message}"):
        trained_weights.read(path)


def test_a_blob_whose_shape_does_not_fit(tmp_path):
    blob = field(7, field(1, b"\x05")) + field(5, np.ones(4, "<f4").tobytes())
    layer = field(1, b"conv1") + field(7, blob)
    (tmp_path / "a.caffemodel").write_bytes(field(100, layer))
    with pytest.raises(InputError, match=r"a blob of shape \(5,\) has 4 values"):
        trained_weights.read(tmp_path / "a.caffemodel")


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
    with pytest.raises(InputError, match=f"a.npz has metadata that cannot be used: {message}"):
        trained_weights.read(tmp_path / "a.npz")


# The command line.


def test_a_narrow_model_through_both_commands(model, tmp_path, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "paper", narrow(name="paper", input_size=131))
    trained_weights.export(tmp_path / "a.npz", dataclasses.replace(weights_of(model), variants=("paper",)))
    result = cli("weights", "import", tmp_path / "a.npz", "--variant", "paper", "--output", tmp_path / "a.keras")
    assert result.code == 0, result.err
    assert "missing" not in result.out
    result = cli("weights", "export", tmp_path / "a.keras", "--output", tmp_path / "b.safetensors", "--json")
    assert result.json["layers"] == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    before, after = trained_weights.read(tmp_path / "a.npz"), trained_weights.read(tmp_path / "b.safetensors")
    assert (after.mean, after.class_names, after.variants) == (before.mean, ("a", "b", "c"), ("paper",))
    for layer, values in before.layers.items():
        for key, value in values.items():
            np.testing.assert_array_equal(after.layers[layer][key], value)

    lacking = {name: values for name, values in before.layers.items() if name != "fc8"}
    trained_weights.export(tmp_path / "c.npz", dataclasses.replace(before, layers=lacking))
    arguments = ["weights", "import", tmp_path / "c.npz", "--variant", "paper", "--output", tmp_path / "c.keras"]
    result = cli(*arguments)
    assert result.code == 1
    assert "c.npz lacks fc8; pass --allow-missing for initial weights there." in only_error(result)
    assert not (tmp_path / "c.keras").exists()
    assert "fc8, missing in" in cli(*arguments, "--allow-missing").out
    assert load_model(tmp_path / "c.keras").layers[-1].class_names[0] == "n01440764"  # 1,000 classes, as ImageNet's


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "a.npz", "--variant", "paper", "--output", "a.h5"), 2, "--output must end in .keras, got 'a.h5'"),
        (("import", "a.npz", "--variant", "paper", "--output", "b.keras"), 2, "The weights file a.npz does not exist"),
        (("import", "a.npz", "--variant", "paper", "--output", "there.keras"), 1, "there.keras exists; choose another"),
        (("import", "a.npz", "--variant", "paper", "--output", "there.keras/b.keras"), 1, "b.keras cannot be written"),
        (("export", "there.keras", "--output", "b.pth"), 2, "--output must end in .npz or .safetensors, got 'b.pth'"),
    ],
)
def test_what_the_commands_refuse(arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.keras").touch()
    result = cli("weights", *arguments)
    assert message in only_error(result)
    assert result.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["there.keras"]


def test_pytorch_computes_the_same_network(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch import nn

    torch.manual_seed(0)

    def conv(inputs, outputs, size, **options):
        return [nn.Conv2d(inputs, outputs, size, **options), nn.ReLU()]

    class Network(nn.Module):
        """torchvision's alexnet, narrow."""

        def __init__(self):
            super().__init__()
            pool = nn.MaxPool2d(3, 2)
            first = [*conv(3, 8, 11, stride=4, padding=2), pool, *conv(8, 12, 5, padding=2), pool]
            last = [*conv(12, 12, 3, padding=1), *conv(12, 8, 3, padding=1), *conv(8, 6, 3, padding=1), pool]
            self.features = nn.Sequential(*first, *last)
            fc = [nn.Linear(6 * 9, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 3)]
            self.classifier = nn.Sequential(nn.Dropout(), *fc)

        def forward(self, x):
            return self.classifier(torch.flatten(self.features(x), 1))

    network = Network().eval()
    torch.save(network.state_dict(), tmp_path / "a.pth")
    images = np.random.RandomState(6).randint(0, 256, (2, 131, 131, 3), dtype=np.uint8)
    mean, stddev = (torch.tensor(values) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    inputs = ((torch.tensor(images) / 255 - mean) / stddev).permute(0, 3, 1, 2)
    model = AlexNet(
        "owt",
        classes=3,
        input_shape=(131, 131, 3),
        weights=tmp_path / "a.pth",
        filters=(8, 12, 12, 8, 6),
        hidden_units=(10, 12),
        classifier_activation=None,
    )
    np.testing.assert_allclose(model(images), network(inputs).detach().numpy(), rtol=1e-4, atol=1e-5)
