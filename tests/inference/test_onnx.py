"""ONNX files that other programs wrote are refused in one line, and read no other file."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.system.errors import InputError

FLOAT = TensorProto.FLOAT


def save(path, inputs, outputs, nodes=None, weights=(), names=("a", "b")):
    """Write a network of opset 17 with class names, as `export` stores them."""
    ports = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in each.items()]
        for each in (inputs, outputs)
    ]
    nodes = nodes or [helper.make_node("ReduceMean", ["images"], [name], axes=[1, 2], keepdims=0) for name in outputs]
    graph = helper.make_graph(nodes, "g", *ports, list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names is not None:
        helper.set_model_props(model, {"class_names": json.dumps(names)})
    path.write_bytes(model.SerializeToString())
    return path


IMAGES, CLASSES = (FLOAT, ["batch", 67, 67, 2]), (FLOAT, ["batch", 2])
RGB = (FLOAT, ["batch", 67, 67, 3])


@pytest.mark.parametrize(
    ("inputs", "outputs", "names", "message"),
    [
        (
            {"images": RGB, "other": CLASSES},
            {"p": CLASSES},
            "abc",
            r"takes float32 \(any, 67, 67, 3\) and float32 \(any",
        ),
        (
            {"images": RGB},
            {"p": (FLOAT, ["batch", 3]), "q": (FLOAT, ["batch", 3])},
            "abc",
            "returns float32 .* and float",
        ),
        (
            {"images": (FLOAT, ["batch", "h", "w", 3])},
            {"p": (FLOAT, ["batch", 3])},
            "abc",
            r"takes float32 \(any, any, any",
        ),
        ({"images": IMAGES}, {"p": CLASSES}, "ab", r"takes float32 \(any, 67, 67, 2\), but a classifier of images"),
        ({"images": (FLOAT, ["n", 300, 300, 3])}, {"p": (FLOAT, ["n", 3])}, "abc", "takes images of 300 x 300 pixels"),
        (
            {"images": (TensorProto.DOUBLE, [1, 67, 67, 3])},
            {"p": (TensorProto.DOUBLE, [1, 3])},
            "abc",
            "takes tensor.double",
        ),
        ({"images": RGB}, {"p": (FLOAT, ["batch", 3])}, "ab", r"has 2 class names, but returns float32 \(any, 3\)"),
    ],
    ids=["inputs", "outputs", "free sides", "channels", "large", "type", "names"],
)
def test_another_signature_is_refused(inputs, outputs, names, message, tmp_path):
    path = save(tmp_path / "m.onnx", inputs, outputs, names=list(names))
    with pytest.raises(InputError, match=f"The model {path} {message}"):
        load_predictor(path)


@pytest.mark.parametrize("names", [None, ["a", 1], "ab", {"a": 1}])
def test_a_file_without_a_list_of_class_names_is_refused(names, tmp_path):
    path = save(tmp_path / "m.onnx", {"images": RGB}, {"p": (FLOAT, ["batch", 3])}, names=names)
    with pytest.raises(InputError, match="m.onnx (is not an ONNX file that|has a class_names.json that is no list)"):
        load_predictor(path)


def with_weight(path, weight, attribute=False):
    nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2], keepdims=0)]
    if attribute:
        nodes.append(helper.make_node("Constant", [], [weight.name], value=weight))
    nodes.append(helper.make_node("Add", ["mean", weight.name], ["p"]))
    weights = () if attribute else [weight]
    return save(path, {"images": RGB}, {"p": (FLOAT, ["batch", 3])}, nodes, weights, names=list("abc"))


@pytest.mark.parametrize("attribute", [False, True])
def test_arrays_in_other_files_are_refused(attribute, tmp_path):
    (tmp_path / "secret").write_bytes(np.zeros(3, np.float32).tobytes())
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    onnx.external_data_helper.set_external_data(weight, "secret")
    weight.ClearField("raw_data")
    path = with_weight(tmp_path / "m.onnx", weight, attribute)
    with pytest.raises(InputError, match="m.onnx reads its array 'w' from another file; write a file that holds all"):
        load_predictor(path)


def test_a_large_declaration_is_refused(tmp_path):
    weight = TensorProto(name="w", data_type=FLOAT, dims=[2**20, 2**20])
    path = with_weight(tmp_path / "m.onnx", weight)
    with pytest.raises(InputError, match="declares an array of 1048576 x 1048576 numbers, more than the limit"):
        load_predictor(path)
