"""Files of Caffe: its layout becomes ours, and OpenCV computes the same network."""

import keras
import numpy as np
import pytest
from support.weight_files import blobs, caffemodel, field, new_blob, unpacked_blob

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError
from alexnet_keras.weights import trained_weights


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


def test_a_double_that_float32_cannot_hold_is_refused_without_a_warning(tmp_path):
    given = blobs()
    given["conv1"][0] = given["conv1"][0].astype("<f8") * 1e300
    with pytest.raises(InputError, match="has NaN or infinite values in conv1/kernel; use another file"):
        trained_weights.read(caffemodel(tmp_path / "a.caffemodel", given, old=True))


def test_a_blob_whose_shape_does_not_fit(tmp_path):
    blob = field(7, field(1, b"\x05")) + field(5, np.ones(4, "<f4").tobytes())
    layer = field(1, b"conv1") + field(7, blob)
    (tmp_path / "a.caffemodel").write_bytes(field(100, layer))
    with pytest.raises(InputError, match=r"a blob of shape \(5,\) has 4 values"):
        trained_weights.read(tmp_path / "a.caffemodel")


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
