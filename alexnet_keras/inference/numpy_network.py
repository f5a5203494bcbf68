"""Compute the network of a `.keras` or `.alexnet` file with NumPy, which starts in a fraction of the time of Keras.

An image takes longer than with Keras, so this is for a few images. The module knows the layers of all variants in
float32. It leaves every other file to `model.loading`, also a damaged one, which has a message there.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.config.variants import variant_of
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.inference.signature import Port, check_classes, check_elements, image_side
from alexnet_keras.weights import coded_arrays, keras_file
from alexnet_keras.weights.sizes import UNPACKED_BYTES

Shape = tuple[int, ...]  # of an array without the batch: (height, width, channels), or (units,)
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class Layer:
    """A layer for inputs of one shape.

    Attributes:
        shape: the shape of its output.
        weights: the shapes of its weights, in the order in which Keras lists them.
        largest: how many numbers the largest array has that it computes beside its output.
        function: its inputs and its weights -> its output, for one image.
    """

    shape: Shape
    function: Callable[..., np.ndarray]
    weights: tuple[Shape, ...] = ()
    largest: int = 0


def load(path: Path) -> Predictor | None:
    """Load a `.keras` or `.alexnet` file; `None` if Keras must load it."""
    try:
        network = READERS[path.suffix](path)
        network.predict(np.zeros((1, network.side, network.side, 3), np.uint8))  # shows whether its parts fit together
    except Exception:  # its configuration may be any JSON
        return None
    variant = variant_of(network.name)
    return Predictor(network.predict, network.side, network.class_names, str(path), variant=variant)


def _read_keras(path: Path) -> "_Network":
    with keras_file.opened(path) as content:
        network = _Network(content.config["config"], str(path))
        for name, (_, layer) in network.layers.items():
            found = [np.asarray(content.array(name, index), np.float32) for index in range(len(layer.weights))]
            if [array.shape for array in found] != list(layer.weights):
                raise ValueError("its weights have other shapes")
            network.weights[name] = found
    return network


def _read_archive(path: Path) -> "_Network":
    content = coded_arrays.read(path)
    network = _Network(content.config["config"], str(path))
    arrays = content.arrays([shape for _, layer in network.layers.values() for shape in layer.weights])
    for name, (_, layer) in network.layers.items():
        network.weights[name] = [next(arrays) for _ in layer.weights]
    if next(arrays, None) is not None:
        raise ValueError("it has more arrays than weights")
    return network


class _Network:
    """The layers of a functional model, from its configuration.

    Raises:
        Exception: the configuration has something that this module does not know.
    """

    def __init__(self, config: Mapping[str, Any], model: str) -> None:
        self.layers: dict[str, tuple[list[str], Layer]] = {}
        images, *rest = config["layers"]
        batch, height, width, channels = images["config"]["batch_shape"]
        self.name: str = config["name"]
        self.images: str = images["config"]["name"]
        self.weights: dict[str, list[np.ndarray]] = {}
        self.side = image_side(model, [Port((batch, height, width, channels))])
        shapes: dict[str, Shape] = {self.images: (height, width, channels)}
        for entry in rest:
            options = entry["config"]
            if options["dtype"]["config"]["name"] != "float32":
                raise ValueError("it computes in another precision")
            sources = _sources(entry)
            kind = (entry["registered_name"] or entry["class_name"]).rpartition(">")[2]
            layer = LAYERS[kind](options, *[shapes[source] for source in sources])
            if min(layer.shape) < 1:
                raise ValueError("it has no output")
            shapes[options["name"]] = layer.shape
            self.layers[options["name"]] = sources, layer
        check_elements(model, [(sum(layer.largest + math.prod(layer.shape) for _, layer in self.layers.values()),)])
        numbers = sum(math.prod(shape) for _, layer in self.layers.values() for shape in layer.weights)
        if 4 * numbers > UNPACKED_BYTES or config["output_layers"][0] != options["name"]:
            raise ValueError("it is larger than an AlexNet, or has another output")
        names = options["class_names"]
        self.class_names = tuple(map(str, range(layer.shape[0])) if names is None else names)
        check_classes(model, [Port((None, *layer.shape))], self.class_names)

    def predict(self, images: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # `Predictor` refuses what is not finite
            return np.stack([self._predict(image) for image in images])

    def _predict(self, image: np.ndarray) -> np.ndarray:
        outputs = {self.images: image.astype(np.float32)}
        for name, (sources, layer) in self.layers.items():
            outputs[name] = layer.function(*[outputs[source] for source in sources], *self.weights[name])
        return outputs[name]


def _sources(entry: Mapping[str, Any]) -> list[str]:
    """The names of the layers whose outputs a layer takes."""
    (node,) = entry["inbound_nodes"]
    (tensors,) = node["args"]
    if any(value for key, value in node["kwargs"].items() if key != "training"):
        raise ValueError("it is called with options")
    tensors = tensors if isinstance(tensors, list) else [tensors]
    return [tensor["config"]["keras_history"][0] for tensor in tensors]


def _mean(options: Mapping[str, Any], shape: Shape) -> Layer:
    mean, stddev = np.float32(options["mean"]), np.float32(options["stddev"])
    return Layer(shape, lambda x: (x - mean) / stddev)


def _convolution(options: Mapping[str, Any], shape: Shape) -> Layer:
    """A convolution as a matrix multiplication of the windows of the image and the kernel."""
    (*sides, channels), kernel, strides = shape, options["kernel_size"], options["strides"]
    groups, filters, activation = options["groups"], options["filters"], ACTIVATIONS[options["activation"]]
    plain = (options["data_format"], options["dilation_rate"], options["use_bias"]) == ("channels_last", [1, 1], True)
    same = options["padding"] == "same" and strides == [1, 1] and all(side % 2 == 1 for side in kernel)
    if not plain or not (same or options["padding"] == "valid"):
        raise ValueError("it is a convolution of another kind")
    pads = [(side // 2 if same else 0,) * 2 for side in kernel]
    rows, columns = (
        (side + sum(pad) - window) // stride + 1
        for side, pad, window, stride in zip(sides, pads, kernel, strides, strict=True)
    )

    def convolve(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
        found = []
        for part, matrix in zip(np.split(x, groups, -1), np.split(weights, groups, -1), strict=True):
            windows = sliding_window_view(np.pad(part, [*pads, (0, 0)]), kernel, (0, 1))[:: strides[0], :: strides[1]]
            positions = windows.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)  # in the order of the kernel
            found.append(positions @ matrix.reshape(-1, filters // groups))
        return activation(np.concatenate(found, -1) + bias).reshape(rows, columns, filters)

    weights = ((*kernel, channels // groups, filters), (filters,))
    return Layer((rows, columns, filters), convolve, weights, largest=rows * columns * math.prod(kernel) * channels)


def _padding(options: Mapping[str, Any], shape: Shape) -> Layer:
    pads = [*map(tuple, options["padding"]), (0, 0)]
    padded = tuple(side + sum(pad) for side, pad in zip(shape, pads, strict=True))
    return Layer(padded, lambda x: np.pad(x, pads))


def _tower(options: Mapping[str, Any], shape: Shape) -> Layer:
    half, tower = shape[-1] // 2, options["tower"]
    return Layer((*shape[:-1], half), lambda x: x[..., tower * half : (tower + 1) * half])


def _normalization(options: Mapping[str, Any], shape: Shape) -> Layer:
    """Local response normalization, as section 3.3 of the paper defines it."""
    names = ("size", "k", "alpha", "beta", "divide_alpha_by_size")
    return _normalized(Formula.across_channels(*[options[name] for name in names]), shape)


def _spatial_normalization(options: Mapping[str, Any], shape: Shape) -> Layer:
    return _normalized(Formula.within_channels(*[options[name] for name in ("size", "k", "alpha", "beta")]), shape)


def _normalized(formula: Formula, shape: Shape) -> Layer:
    """Divide by a power of the energy in a window."""
    size, axes = formula.size, (0, 1) if formula.spatial else (2,)
    pads = [(size // 2 if axis in axes else 0,) * 2 for axis in range(3)]
    summed = tuple(range(-len(axes), 0))

    def normalize(x: np.ndarray) -> np.ndarray:
        windows = sliding_window_view(np.pad(x * x, pads), (size,) * len(axes), axes)
        return x / (formula.k + formula.scale * windows.sum(summed)) ** formula.beta

    return Layer(shape, normalize, largest=math.prod(shape) * size ** len(axes))


def _batch_normalization(options: Mapping[str, Any], shape: Shape) -> Layer:
    def normalize(x: np.ndarray, *weights: np.ndarray) -> np.ndarray:
        *scales, mean, variance = weights
        factors = scales.pop(0) if options["scale"] else np.float32(1)
        shifts = scales.pop(0) if options["center"] else np.float32(0)
        return (x - mean) / np.sqrt(variance + np.float32(options["epsilon"])) * factors + shifts

    if options["axis"] not in (-1, len(shape)):
        raise ValueError("it normalizes other axes than channels")
    return Layer(shape, normalize, ((shape[-1],),) * (2 + bool(options["scale"]) + bool(options["center"])))


def _pooling(options: Mapping[str, Any], shape: Shape) -> Layer:
    (*sides, channels), window, strides = shape, options["pool_size"], options["strides"]
    if (options["padding"], options["data_format"]) != ("valid", "channels_last"):
        raise ValueError("it is a pooling of another kind")
    rows, columns = ((side - size) // step + 1 for side, size, step in zip(sides, window, strides, strict=True))

    def pool(x: np.ndarray) -> np.ndarray:
        return sliding_window_view(x, window, (0, 1))[:: strides[0], :: strides[1]].max((-1, -2))

    return Layer((rows, columns, channels), pool, largest=rows * columns * channels * math.prod(window))


def _concatenation(options: Mapping[str, Any], *shapes: Shape) -> Layer:
    if options["axis"] != -1:
        raise ValueError("it joins other axes than channels")
    (*sides, _), *_ = shapes
    return Layer((*sides, sum(shape[-1] for shape in shapes)), lambda *inputs: np.concatenate(inputs, -1))


def _dense(options: Mapping[str, Any], shape: Shape) -> Layer:
    (inputs,), units, activation = shape, options["units"], ACTIVATIONS[options["activation"]]
    if not options["use_bias"]:
        raise ValueError("it has no biases")
    return Layer((units,), lambda x, weights, bias: activation(x @ weights + bias), ((inputs, units), (units,)))


def _predictions(options: Mapping[str, Any], shape: Shape) -> Layer:
    if options["activation"] != "softmax":
        raise ValueError("it gives no probabilities")

    def softmax(x: np.ndarray) -> np.ndarray:
        powers = np.exp(x - x.max())
        return powers / powers.sum()

    return Layer(shape, softmax)


LAYERS: dict[str, Callable[..., Layer]] = {  # registered name -> function of the options and the shapes of the inputs
    "MeanSubtraction": _mean,
    "SpaceToDepthConv2D": _convolution,
    "Conv2D": _convolution,
    "ZeroPadding2D": _padding,
    "TowerMaps": _tower,
    "LocalResponseNormalization": _normalization,
    "SpatialResponseNormalization": _spatial_normalization,
    "BatchNormalization": _batch_normalization,
    "Activation": lambda options, shape: Layer(shape, ACTIVATIONS[options["activation"]]),
    "MaxPooling2D": _pooling,
    "Concatenate": _concatenation,
    "Flatten": lambda options, shape: Layer((math.prod(shape),), np.ravel),
    "Dense": _dense,
    "Dropout": lambda options, shape: Layer(shape, lambda x: x),
    "Predictions": _predictions,
}
READERS = {".keras": _read_keras, ".alexnet": _read_archive}
