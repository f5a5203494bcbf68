"""One layout for the weights of all file formats, and its conversion to and from a Keras model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from alexnet_keras.config.layer_names import CONVOLUTIONS, LAYERS, split_tower

Layers = dict[str, dict[str, np.ndarray]]  # layer -> kernel, bias, ... -> float32 values

_FEATURES, _CLASSIFIER = (0, 3, 6, 8, 10), (1, 4, 6)  # indices in nn.Sequential of torchvision/models/alexnet.py
TORCHVISION = dict(
    zip(
        (*(f"features.{index}" for index in _FEATURES), *(f"classifier.{index}" for index in _CLASSIFIER)),
        LAYERS,
        strict=True,
    )
)
_WRAPPERS = ("module", "model", "_orig_mod", "_fsdp_wrapped_module")  # modules around another one, which add a prefix


def torchvision_names(names: Iterable[str]) -> dict[str, list[str]]:
    """Find the names of torchvision's AlexNet in longer names, such as `model.features.module.0.weight`.

    Returns:
        Name in torchvision (`features.0.weight`) -> all names that end in it; wrappers may also stand within.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        parts = [part for part in name.split(".") if part not in _WRAPPERS][-3:]
        if ".".join(parts[:2]) in TORCHVISION and parts[2:] in (["weight"], ["bias"]):
            found.setdefault(".".join(parts), []).append(name)
    return found


def from_channels_first(pairs: Mapping[str, Sequence[np.ndarray]], *, bgr: bool) -> Layers:
    """Convert weights from the layout of Caffe and PyTorch.

    The kernel of a convolution `(out, in / groups, height, width)` becomes `(height, width, in / groups, out)`, that of
    a fully connected layer `(out, in)` becomes `(in, out)`. fc6 reads the output of pool5, which is flattened channel
    by channel there and pixel by pixel here, so its rows are reordered.

    Args:
        pairs: layer -> weight and bias, for any of `LAYERS`.
        bgr: whether conv1 expects blue, green, red; its kernels are then reversed to red, green, blue.

    Raises:
        ValueError: the shapes do not belong to such layers.
    """
    layers: Layers = {}
    for name, (weight, bias) in pairs.items():
        bias = np.asarray(bias, np.float32).reshape(-1)
        weight = np.asarray(weight, np.float32)
        if name in CONVOLUTIONS:
            kernel = weight.transpose(2, 3, 1, 0)
            kernel = kernel[:, :, ::-1] if bgr and name == "conv1" else kernel
        else:
            kernel = weight.reshape(weight.shape[-2:]).T  # old files of Caffe have (1, 1, out, in)
        if kernel.shape[-1] != len(bias):
            raise ValueError(f"{name} has {kernel.shape[-1]} outputs and {len(bias)} biases")
        layers[name] = {"kernel": kernel, "bias": bias}
    if "fc6" in layers:
        layers["fc6"]["kernel"] = _pixels_first(layers["fc6"]["kernel"], layers)
    return {name: {key: np.ascontiguousarray(value) for key, value in layer.items()} for name, layer in layers.items()}


def _pixels_first(kernel: np.ndarray, layers: Layers) -> np.ndarray:
    if "conv5" not in layers:
        raise ValueError("fc6 is there, but conv5 is missing, on which the order of its inputs depends")
    channels = len(layers["conv5"]["bias"])
    side = math.isqrt(len(kernel) // channels)
    if channels * side**2 != len(kernel):
        raise ValueError(
            f"fc6 has {len(kernel)} inputs, which is no square for each of the {channels} channels of conv5"
        )
    return kernel.reshape(channels, side, side, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)


def join_towers(layers: Layers) -> Layers:
    """Join towers as grouped convolutions do: concatenate conv1a and conv1b on the last axis, and name them conv1."""
    joined: dict[str, list[dict[str, np.ndarray]]] = {}
    for name in sorted(layers):  # a before b
        joined.setdefault(split_tower(name)[0], []).append(layers[name])
    return {
        name: {key: np.concatenate([part[key] for part in parts], axis=-1) for key in parts[0]}
        for name, parts in joined.items()
    }


def of_model(layers: Iterable[Any]) -> Layers:
    """The weights of the layers of a Keras model, with towers joined."""
    found = {layer.name: {weight.name: weight.numpy() for weight in layer.weights} for layer in layers if layer.weights}
    return join_towers(found)


def shapes_of_model(layers: Iterable[Any]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of the weights that `of_model` returns."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for layer in layers:
        for weight in layer.weights:
            *sides, last = weight.shape
            so_far = shapes.setdefault(split_tower(layer.name)[0], {})
            so_far[weight.name] = (*sides, last + so_far.get(weight.name, (0,))[-1])
    return shapes


def into_model(layers: Layers, targets: Iterable[Any]) -> None:
    """Assign weights to the layers of a Keras model; each tower gets its half of the last axis."""
    for layer in targets:
        name, tower = split_tower(layer.name)
        values = layers.get(name, {})
        for weight in layer.weights if values else ():
            last = weight.shape[-1]
            start = last * (tower or 0)
            weight.assign(values[weight.name][..., start : start + last])
