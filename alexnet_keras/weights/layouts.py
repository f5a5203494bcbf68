"""One layout for weights from everywhere, and the way into and out of a model."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Layers = dict[str, dict[str, np.ndarray]]  # layer -> kernel, bias, ... -> values, float32

TORCHVISION = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}
TOWER = re.compile(r"(.*\d)([ab])")  # conv1a, conv1b; fc8 belongs to both


def from_channels_first(pairs: Mapping[str, Sequence[np.ndarray]], *, bgr: bool) -> Layers:
    """Caffe's layout, which is PyTorch's too, into ours.

    A convolution `(out, in / groups, height, width)` becomes `(height, width, in / groups, out)`, a product `(out, in)`
    becomes `(in, out)`. The inputs of fc6 are pool5's values: there one map after the other, here one pixel after the
    other, so its rows change places.

    Args:
        pairs: `conv1` to `conv5` and `fc6` to `fc8`, as many as there are -> weight and bias.
        bgr: whether conv1 expects blue, green, red; its kernels are turned to red, green, blue.

    Raises:
        ValueError: the shapes are not those of such layers.
    """
    layers: Layers = {}
    for name, (weight, bias) in pairs.items():
        bias = np.asarray(bias, np.float32).reshape(-1)
        weight = np.asarray(weight, np.float32)
        if name.startswith("conv"):
            kernel = weight.transpose(2, 3, 1, 0)
            kernel = kernel[:, :, ::-1] if bgr and name == "conv1" else kernel
        else:
            kernel = weight.reshape(weight.shape[-2:]).T  # Caffe's old files have (1, 1, out, in)
        if kernel.shape[-1] != len(bias):
            raise ValueError(f"{name} has {kernel.shape[-1]} outputs and {len(bias)} biases")
        layers[name] = {"kernel": kernel, "bias": bias}
    if "fc6" in layers:
        layers["fc6"]["kernel"] = _pixels_first(layers["fc6"]["kernel"], layers)
    return {name: {key: np.ascontiguousarray(value) for key, value in layer.items()} for name, layer in layers.items()}


def _pixels_first(kernel: np.ndarray, layers: Layers) -> np.ndarray:
    if "conv5" not in layers:
        raise ValueError("fc6 has no order without conv5, whose maps it reads")
    maps = len(layers["conv5"]["bias"])
    side = math.isqrt(len(kernel) // maps)
    if maps * side**2 != len(kernel):
        raise ValueError(f"fc6 reads {len(kernel)} values, which are no square maps of the {maps} that conv5 makes")
    return kernel.reshape(maps, side, side, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)


def join_towers(layers: Layers) -> Layers:
    """The layout of grouped convolutions: conv1a and conv1b become conv1, one after the other on the last axis."""
    joined: dict[str, list[dict[str, np.ndarray]]] = {}
    for name in sorted(layers):  # a before b
        found = TOWER.fullmatch(name)
        joined.setdefault(found[1] if found else name, []).append(layers[name])
    return {
        name: {key: np.concatenate([part[key] for part in parts], axis=-1) for key in parts[0]}
        for name, parts in joined.items()
    }


def of_model(layers: Iterable[Any]) -> Layers:
    """The weights of a Keras model's layers, its towers joined."""
    found = {layer.name: {weight.name: weight.numpy() for weight in layer.weights} for layer in layers if layer.weights}
    return join_towers(found)


def shapes_of_model(layers: Iterable[Any]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of `of_model`."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for layer in layers:
        found = TOWER.fullmatch(layer.name)
        for weight in layer.weights:
            *sides, last = weight.shape
            so_far = shapes.setdefault(found[1] if found else layer.name, {})
            so_far[weight.name] = (*sides, last + so_far.get(weight.name, (0,))[-1])
    return shapes


def into_model(layers: Layers, targets: Iterable[Any]) -> None:
    """Assign weights of the right shapes to a Keras model's layers; a tower gets its half of the last axis."""
    for layer in targets:
        found = TOWER.fullmatch(layer.name)
        values = layers.get(found[1] if found else layer.name, {})
        for weight in layer.weights if values else ():
            last = weight.shape[-1]
            start = last if found and found[2] == "b" else 0
            weight.assign(values[weight.name][..., start : start + last])
