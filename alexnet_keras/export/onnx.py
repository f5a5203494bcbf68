"""ONNX files for onnxruntime, in float32 and in 8 bits. This module needs the extra `onnx`."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from alexnet_keras.data.dataset import Split
from alexnet_keras.export import calibration
from alexnet_keras.inference.predictor import class_names, input_size
from alexnet_keras.model.layers import MeanSubtraction, Predictions, TowerChannels
from alexnet_keras.model.response_normalization import (
    LocalResponseNormalization,
    SpatialResponseNormalization,
    window_weights,
)
from alexnet_keras.system.errors import InputError

OPSET = 17
IR_VERSION = 8  # the version that belongs to the opset, so that older runtimes can read the file


def write(model: keras.Model, path: Path, quantize: str = "none", images: Split | None = None) -> None:
    """Write an ONNX file with the class names and the range of the input in its metadata.

    The file takes `images` (B, H, W, 3) float32 RGB, 0..255, for any B, and returns `probabilities` (B, classes)
    float32.

    Args:
        model: a classifier of this package.
        path: the file to write.
        quantize: `none`: float32; `int8`: 8-bit weights and activations, as quantize and dequantize operators around
            the others, which onnxruntime fuses into integer kernels.
        images: calibration images for `int8`.

    Raises:
        InputError: the network has a layer that has no ONNX form here.
    """
    network = Graph(model).build()
    properties = {"class_names": json.dumps(class_names(model)), "input_range": "[0, 255]", "channels": "RGB"}
    helper.set_model_props(network, {**properties, "quantize": quantize})
    onnx.checker.check_model(network, full_check=True)
    if quantize == "none":
        onnx.save(network, str(path))
        return
    from onnxruntime import quantization  # only 8-bit files need it

    assert images is not None
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = Path(folder) / "float32.onnx", Path(folder) / "prepared.onnx"
        onnx.save(network, str(whole))
        del network  # frees a quarter of a gigabyte
        quantization.quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            path,
            _reader(calibration.batches(images, input_size(model))),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,  # with int8 weights three times as fast as int8 activations
            weight_type=quantization.QuantType.QInt8,
        )
    onnx.checker.check_model(str(path))


def _reader(batches: Iterator[np.ndarray]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(({"images": batch} for batch in batches), None)

    return Reader()


class Graph:
    """The layers of a network as ONNX operators on `(B, channels, height, width)`.

    Args:
        model: a classifier of this package.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def build(self) -> Any:
        """Return the `ModelProto`.

        Raises:
            InputError: a layer has no form in `FORMS`.
        """
        names = {id(self.model.inputs[0]): self.add("Transpose", ["images"], "channels_first", perm=[0, 3, 1, 2])}
        for layer in self.model.layers[1:]:
            form = next((form for kind, form in FORMS.items() if isinstance(layer, kind)), None)
            if form is None:
                raise InputError(
                    f"The layer {layer.name!r}, a {type(layer).__name__}, has no ONNX form; export to tflite instead."
                )
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            output = form(self, layer, [names[id(tensor)] for tensor in inputs])
            names[id(layer.output)] = output
        self.nodes.append(helper.make_node("Identity", [output], ["probabilities"], "probabilities"))
        (_, *image_shape), (_, classes) = self.model.input_shape, self.model.output_shape
        graph = helper.make_graph(
            self.nodes,
            self.model.name,
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", *image_shape])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])],
            self.weights,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="alexnet-keras")

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add an operator and return the name of its output, which is the operator's name."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, values: Any, name: str, dtype: type = np.float32) -> str:
        """Add a constant and return its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def activate(self, layer: keras.layers.Layer, x: str) -> str:
        """Add the activation of a layer after the tensor `x`, and return the name of the result."""
        operator = ACTIVATIONS[keras.activations.serialize(layer.activation)]
        return self.add(operator, [x], f"{layer.name}/{operator.lower()}") if operator else x


ACTIVATIONS = {"linear": None, "relu": "Relu", "tanh": "Tanh"}


def _mean(graph: Graph, layer: MeanSubtraction, inputs: list[str]) -> str:
    mean = graph.constant(np.reshape(layer.mean, (1, 3, 1, 1)), f"{layer.name}/mean")
    difference = graph.add("Sub", [*inputs, mean], f"{layer.name}/subtract")
    return graph.add("Div", [difference, graph.constant(layer.stddev, f"{layer.name}/stddev")], layer.name)


def _convolution(graph: Graph, layer: keras.layers.Conv2D, inputs: list[str]) -> str:
    kernel = graph.constant(layer.kernel.numpy().transpose(3, 2, 0, 1), f"{layer.name}/kernel")
    weights = [kernel, graph.constant(layer.bias.numpy(), f"{layer.name}/bias")] if layer.use_bias else [kernel]
    pads = [size // 2 if layer.padding == "same" else 0 for size in layer.kernel_size]  # odd kernels at a stride of 1
    options = {"kernel_shape": layer.kernel_size, "strides": layer.strides, "pads": pads * 2, "group": layer.groups}
    return graph.activate(layer, graph.add("Conv", [*inputs, *weights], layer.name, **options))


def _dense(graph: Graph, layer: keras.layers.Dense, inputs: list[str]) -> str:
    kernel = graph.constant(layer.kernel.numpy().T, f"{layer.name}/kernel")
    weights = [kernel, graph.constant(layer.bias.numpy(), f"{layer.name}/bias")]
    return graph.activate(layer, graph.add("Gemm", [*inputs, *weights], layer.name, transB=1))


def _normalization(graph: Graph, layer: Any, inputs: list[str]) -> str:
    """Normalize with elementary operators, because onnxruntime's own operator takes longer than all convolutions.

    The sum over the window is a 1x1 convolution of the squares with a band matrix or, for a spatial window, a depthwise
    convolution with ones; its bias is k.
    """
    formula, channels = layer.formula, layer.input.shape[-1]
    window = window_weights(formula, channels)
    if formula.spatial:
        window, options = window.transpose(2, 3, 0, 1), {"pads": [formula.size // 2] * 4, "group": channels}
    else:
        window, options = window[..., None, None], {}  # the matrix is symmetric
    constants = [
        graph.constant(window, f"{layer.name}/window"),
        graph.constant(np.full(channels, formula.k), f"{layer.name}/k"),
    ]
    square = graph.add("Mul", [*inputs, *inputs], f"{layer.name}/square")
    energy = graph.add("Conv", [square, *constants], f"{layer.name}/energy", **options)
    if formula.beta != 0.75:
        beta = graph.constant(formula.beta, f"{layer.name}/beta")
        return graph.add("Div", [*inputs, graph.add("Pow", [energy, beta], f"{layer.name}/power")], layer.name)
    root = graph.add("Sqrt", [energy], f"{layer.name}/root")  # two square roots are faster than a power
    power = graph.add("Mul", [root, graph.add("Sqrt", [root], f"{layer.name}/fourth_root")], f"{layer.name}/power")
    return graph.add("Div", [*inputs, power], layer.name)


def _batch_normalization(graph: Graph, layer: keras.layers.BatchNormalization, inputs: list[str]) -> str:
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    scale = layer.gamma.numpy() if layer.scale else np.ones_like(mean)
    shift = layer.beta.numpy() if layer.center else np.zeros_like(mean)
    values = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    weights = [graph.constant(value, f"{layer.name}/{name}") for name, value in values.items()]
    return graph.add("BatchNormalization", [*inputs, *weights], layer.name, epsilon=layer.epsilon)


def _activation(graph: Graph, layer: keras.layers.Activation, inputs: list[str]) -> str:
    return graph.activate(layer, *inputs)


def _zero_padding(graph: Graph, layer: keras.layers.ZeroPadding2D, inputs: list[str]) -> str:
    (top, bottom), (left, right) = layer.padding
    pads = graph.constant([0, 0, top, left, 0, 0, bottom, right], f"{layer.name}/pads", np.int64)
    return graph.add("Pad", [*inputs, pads], layer.name)


def _tower_channels(graph: Graph, layer: TowerChannels, inputs: list[str]) -> str:
    half = layer.output.shape[-1]
    indices = {"start": [layer.tower * half], "stop": [(layer.tower + 1) * half], "axis": [1]}
    bounds = [graph.constant(value, f"{layer.name}/{name}", np.int64) for name, value in indices.items()]
    return graph.add("Slice", [*inputs, *bounds], layer.name)


def _max_pool(graph: Graph, layer: keras.layers.MaxPooling2D, inputs: list[str]) -> str:
    return graph.add("MaxPool", inputs, layer.name, kernel_shape=layer.pool_size, strides=layer.strides)


def _concatenate(graph: Graph, layer: keras.layers.Concatenate, inputs: list[str]) -> str:
    return graph.add("Concat", inputs, layer.name, axis=1)


def _flatten(graph: Graph, layer: keras.layers.Flatten, inputs: list[str]) -> str:
    return graph.add("Flatten", [graph.add("Transpose", inputs, f"{layer.name}/last", perm=[0, 2, 3, 1])], layer.name)


def _dropout(graph: Graph, layer: keras.layers.Dropout, inputs: list[str]) -> str:
    return inputs[0]


def _predictions(graph: Graph, layer: Predictions, inputs: list[str]) -> str:
    return graph.add("Softmax", inputs, layer.name, axis=1)


FORMS: dict[type, Callable[[Graph, Any, list[str]], str]] = {
    MeanSubtraction: _mean,
    keras.layers.Conv2D: _convolution,
    LocalResponseNormalization: _normalization,
    SpatialResponseNormalization: _normalization,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Activation: _activation,
    keras.layers.ZeroPadding2D: _zero_padding,
    TowerChannels: _tower_channels,
    keras.layers.MaxPooling2D: _max_pool,
    keras.layers.Concatenate: _concatenate,
    keras.layers.Flatten: _flatten,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _dropout,
    Predictions: _predictions,
}
