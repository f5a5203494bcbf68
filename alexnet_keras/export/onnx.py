"""ONNX files for onnxruntime, in float32 and in 8 bits. This module needs the extra `onnx`."""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from alexnet_keras.data.dataset import Split
from alexnet_keras.export import calibration
from alexnet_keras.inference.keras_model import class_names, input_size
from alexnet_keras.inference.predictor import DEFAULT_PREPARATION, ImagePreparation
from alexnet_keras.model.layers import MeanSubtraction, Predictions, TowerChannels
from alexnet_keras.model.response_normalization import (
    LocalResponseNormalization,
    SpatialResponseNormalization,
    window_weights,
)
from alexnet_keras.system.errors import InputError

OPSET = 17
IR_VERSION = 8  # the version that belongs to the opset, so that older runtimes can read the file


def write(
    model: keras.Model,
    path: Path,
    quantize: str = "none",
    images: Split | None = None,
    preparation: ImagePreparation = DEFAULT_PREPARATION,
) -> None:
    """Write an ONNX file with the class names and a description of the input in its metadata.

    The file takes `images` (B, H, W, 3) float32 RGB, 0..255, for any B, and returns `probabilities` (B, classes)
    float32.

    Args:
        quantize: `none`: float32; `int8`: 8-bit weights and activations, as quantize and dequantize operators around
            the others, which onnxruntime fuses into integer kernels.
        preparation: how image files are prepared for the network, as the metadata says.
    """
    network = Graph(model).build()
    properties = {"class_names": json.dumps(class_names(model)), "input_range": "[0, 255]", "channels": "RGB"}
    properties |= {name: json.dumps(value) for name, value in dataclasses.asdict(preparation).items()}
    helper.set_model_props(network, {**properties, "quantize": quantize})
    onnx.checker.check_model(network, full_check=True)
    if quantize == "none":
        onnx.save(network, str(path))
        return
    from onnxruntime import quantization  # only 8-bit files need it

    assert images is not None
    batches = calibration.batches(images, input_size(model))

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(({"images": batch} for batch in batches), None)

    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = Path(folder) / "float32.onnx", Path(folder) / "prepared.onnx"
        onnx.save(network, str(whole))
        del network  # frees a quarter of a gigabyte
        quantization.quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            path,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,  # with int8 weights three times as fast as int8 activations
            weight_type=quantization.QuantType.QInt8,
        )
    onnx.checker.check_model(str(path))


class Graph:
    """The layers of a network as ONNX operators on `(B, channels, height, width)`."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def build(self) -> Any:
        names = {id(self.model.inputs[0]): self.add("Transpose", ["images"], "channels_first", perm=[0, 3, 1, 2])}
        for layer in self.model.layers[1:]:
            form = next((form for kind, form in FORMS.items() if isinstance(layer, kind)), None)
            if form is None:
                raise InputError(
                    f"The layer {layer.name!r}, a {type(layer).__name__}, has no ONNX form; export to tflite instead."
                )
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            output = form(self, layer, *[names[id(tensor)] for tensor in inputs])
            names[id(layer.output)] = output
        self.add("Identity", [output], "probabilities")
        (_, *image_shape), (_, classes) = self.model.input_shape, self.model.output_shape
        graph = helper.make_graph(
            self.nodes,
            self.model.name,
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", *image_shape])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="alexnet-keras")

    def add(self, operator: str, inputs: Sequence[Any], name: str, **attributes: Any) -> str:
        """Add an operator.

        Args:
            inputs: names of tensors, or values that become constants: integers as int64, others as float32.
        """
        names = []
        for index, value in enumerate(inputs):
            if not isinstance(value, str):
                array = np.asarray(value)
                dtype = np.int64 if array.dtype.kind == "i" else np.float32
                value = f"{name}/{index}"
                self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype), value))
            names.append(value)
        self.nodes.append(helper.make_node(operator, names, [name], name, **attributes))
        return name


ACTIVATIONS = {"linear": None, "relu": "Relu", "tanh": "Tanh"}


def _activation(graph: Graph, layer: keras.layers.Layer, x: str) -> str:
    operator = ACTIVATIONS[keras.activations.serialize(layer.activation)]
    return graph.add(operator, [x], f"{layer.name}/{operator.lower()}") if operator else x


def _mean(graph: Graph, layer: MeanSubtraction, x: str) -> str:
    difference = graph.add("Sub", [x, np.reshape(layer.mean, (1, 3, 1, 1)).astype(float)], f"{layer.name}/subtract")
    return graph.add("Div", [difference, float(layer.stddev)], layer.name)


def _convolution(graph: Graph, layer: keras.layers.Conv2D, x: str) -> str:
    weights = [layer.kernel.numpy().transpose(3, 2, 0, 1), *([layer.bias.numpy()] if layer.use_bias else [])]
    pads = [size // 2 if layer.padding == "same" else 0 for size in layer.kernel_size]  # odd kernels at a stride of 1
    y = graph.add("Conv", [x, *weights], layer.name, strides=layer.strides, pads=pads * 2, group=layer.groups)
    return _activation(graph, layer, y)


def _dense(graph: Graph, layer: keras.layers.Dense, x: str) -> str:
    y = graph.add("Gemm", [x, layer.kernel.numpy().T, layer.bias.numpy()], layer.name, transB=1)
    return _activation(graph, layer, y)


def _normalization(graph: Graph, layer: Any, x: str) -> str:
    """Normalize with elementary operators, because onnxruntime's own operator takes longer than all convolutions.

    The sum over the window is a 1x1 convolution of the squares with a band matrix or, for a spatial window, a depthwise
    convolution. Both have the scale as their weights, and k as their bias.
    """
    formula, name, channels = layer.formula, layer.name, layer.input.shape[-1]
    window = window_weights(formula, channels).astype(float)
    if formula.spatial:
        window, options = window.transpose(2, 3, 0, 1), {"pads": [formula.size // 2] * 4, "group": channels}
    else:
        window, options = window[..., None, None], {}  # the matrix is symmetric
    square = graph.add("Mul", [x, x], f"{name}/square")
    energy = graph.add("Conv", [square, window, np.full(channels, float(formula.k))], f"{name}/energy", **options)
    if formula.beta == 0.75:  # two square roots are faster than a power
        root = graph.add("Sqrt", [energy], f"{name}/root")
        power = graph.add("Mul", [root, graph.add("Sqrt", [root], f"{name}/fourth_root")], f"{name}/power")
    else:
        power = graph.add("Pow", [energy, float(formula.beta)], f"{name}/power")
    return graph.add("Div", [x, power], name)


def _batch_normalization(graph: Graph, layer: keras.layers.BatchNormalization, x: str) -> str:
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    scale = layer.gamma.numpy() if layer.scale else np.ones_like(mean)
    shift = layer.beta.numpy() if layer.center else np.zeros_like(mean)
    return graph.add("BatchNormalization", [x, scale, shift, mean, variance], layer.name, epsilon=layer.epsilon)


def _zero_padding(graph: Graph, layer: keras.layers.ZeroPadding2D, x: str) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph.add("Pad", [x, [0, 0, top, left, 0, 0, bottom, right]], layer.name)


def _tower_channels(graph: Graph, layer: TowerChannels, x: str) -> str:
    half = layer.output.shape[-1]
    return graph.add("Slice", [x, [layer.tower * half], [(layer.tower + 1) * half], [1]], layer.name)


def _max_pool(graph: Graph, layer: keras.layers.MaxPooling2D, x: str) -> str:
    return graph.add("MaxPool", [x], layer.name, kernel_shape=layer.pool_size, strides=layer.strides)


def _flatten(graph: Graph, layer: keras.layers.Flatten, x: str) -> str:
    return graph.add("Flatten", [graph.add("Transpose", [x], f"{layer.name}/last", perm=[0, 2, 3, 1])], layer.name)


FORMS: dict[type, Callable[..., str]] = {  # layer -> function of the graph, the layer and the names of its inputs
    MeanSubtraction: _mean,
    keras.layers.Conv2D: _convolution,
    LocalResponseNormalization: _normalization,
    SpatialResponseNormalization: _normalization,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Activation: _activation,
    keras.layers.ZeroPadding2D: _zero_padding,
    TowerChannels: _tower_channels,
    keras.layers.MaxPooling2D: _max_pool,
    keras.layers.Concatenate: lambda graph, layer, *inputs: graph.add("Concat", inputs, layer.name, axis=1),
    keras.layers.Flatten: _flatten,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: lambda graph, layer, x: x,
    Predictions: lambda graph, layer, x: graph.add("Softmax", [x], layer.name, axis=1),
}
