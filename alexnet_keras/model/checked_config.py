"""Build a network from the configuration in a file that may come from somebody else.

Keras's own reader can build any class of Keras, and its versions before 3.15.1 have known ways to run code or to access
files with it. This reader builds only the layers of an AlexNet from plain values, and compares the size of each layer
with a bound before Keras allocates its weights.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from alexnet_keras.model import layers  # noqa: F401  it registers layers with Keras
from alexnet_keras.model.response_normalization import LocalResponseNormalization
from alexnet_keras.model.space_to_depth import SpaceToDepthConv2D
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.weights.sizes import UNPACKED_BYTES

LARGEST_INPUT = 1_024  # pixels a side, as in `Architecture`
MOST_LAYERS = 200  # "batchnorm" has 58
MOST_CHANNELS = 8_192  # local response normalization makes a matrix of channels x channels, here of 268 MB
# Layers that users put between and behind those of an AlexNet are here too, if they cannot read files or run code.
LAYERS = {
    "keras.layers": (
        *("InputLayer", "Conv2D", "Dense", "Activation", "ReLU", "Softmax", "MaxPooling2D", "ZeroPadding2D", "Flatten"),
        *("BatchNormalization", "Concatenate", "Dropout", "AveragePooling2D", "GlobalAveragePooling2D", "Rescaling"),
    ),
    "alexnet_keras": (
        *("MeanSubtraction", "TowerMaps", "SpaceToDepthConv2D", "Predictions"),
        *("LocalResponseNormalization", "SpatialResponseNormalization"),
    ),
}
VALUES = {
    "keras": ("DTypePolicy",),
    "keras.initializers": (
        *("Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal"),
        *("HeNormal", "HeUniform", "GlorotNormal", "GlorotUniform"),
    ),
}
Kinds = Mapping[str, tuple[str, ...]]


def build_network(config: Mapping[str, Any], path: Path, largest: int) -> keras.Model:
    """Build the functional model that a configuration describes, with initial weights.

    Args:
        config: the JSON that Keras writes for a functional model.
        path: the file, for messages.
        largest: the bytes of all weights in the file.

    Raises:
        InputError: the configuration has something that no AlexNet has, or more than one can have.
        Exception: it is damaged.
    """
    network = config["config"]
    entries = network["layers"]  # from input to output
    is_alexnet = any(entry["registered_name"] == "alexnet_keras>MeanSubtraction" for entry in entries)
    if config["class_name"] != "Functional" or not is_alexnet:
        name = brief(network["name"])
        raise InputError(f"{path} holds the model {name}, which is not an AlexNet of this package; pass another file.")
    if len(entries) > MOST_LAYERS:
        raise InputError(
            f"{path} has {len(entries):,} layers, but an AlexNet has at most {MOST_LAYERS}; check the file."
        )
    outputs: dict[str, Any] = {}
    for entry in entries:
        layer = keras.saving.deserialize_keras_object(_checked(entry, LAYERS, path), safe_mode=True)
        if isinstance(layer, keras.layers.InputLayer):
            images = outputs[layer.name] = layer.output
            batch, height, width, channels = images.shape
            if batch is not None or channels != 3 or max(height, width) > LARGEST_INPUT:
                raise InputError(
                    f"{path} takes images of shape {images.shape}, but an AlexNet takes RGB of at most {LARGEST_INPUT} "
                    "pixels a side; check the file."
                )
            continue
        (node,) = entry["inbound_nodes"]
        (sources,) = node["args"]
        if any(node["kwargs"].values()):
            raise InputError(
                f"{path} calls {brief(layer.name)} with options, which no AlexNet does; save the model again."
            )
        if isinstance(layer, keras.layers.Concatenate):
            inputs = [outputs[source["config"]["keras_history"][0]] for source in sources]
        else:
            inputs = outputs[sources["config"]["keras_history"][0]]
            largest -= _bytes_of(layer, inputs.shape[-1])
            if largest < 0 or _needs_a_large_constant(layer, inputs.shape[-1]):
                raise InputError(f"{path} has the layer {brief(layer.name)}, which is larger than its weights.")
        outputs[layer.name] = layer(inputs)
        if 4 * math.prod(outputs[layer.name].shape[1:]) > UNPACKED_BYTES:
            raise InputError(f"{path} has the layer {brief(layer.name)}, whose output is larger than any of AlexNet.")
    last = network["output_layers"]
    while isinstance(last, list):
        last = last[0]
    model = keras.Model(images, outputs[last], name=network["name"])
    names = getattr(model.layers[-1], "class_names", None)
    if names is not None and not (len(names) == model.output_shape[-1] and all(isinstance(n, str) for n in names)):
        raise InputError(
            f"{path} has {len(names):,} class names for {model.output_shape[-1]:,} outputs; export it again."
        )
    return model


def _checked(entry: Mapping[str, Any], kinds: Kinds, path: Path) -> dict[str, Any]:
    """Return the parts of an entry that Keras needs, if it is an object of a known class with plain values."""
    module, kind, registered = entry["module"], entry["class_name"], entry["registered_name"]
    if registered is not None:  # a class of this package, in a module that may have another name today
        package, _, kind = registered.partition(">")
        module = package if package == "alexnet_keras" else None
    if kind not in kinds.get(module, ()):
        raise InputError(
            f"{path} has {brief(entry['class_name'])}, which is no part of an AlexNet, so it is not loaded; "
            "load it with Keras if you trust the file."
        )
    config = {}
    for key, value in entry["config"].items():
        is_object = isinstance(value, dict)
        config[key] = _checked(value, VALUES, path) if is_object else value
        if not (is_object or _is_plain(value)) or key == "lora_rank":  # Keras would allocate matrices of this rank
            raise InputError(f"{path} has a layer with the option {brief(key)}, which no AlexNet has; check the file.")
    return {"module": module, "class_name": kind, "registered_name": registered, "config": config}


def _is_plain(value: Any, nesting: int = 2) -> bool:
    if isinstance(value, list):
        return nesting > 0 and all(_is_plain(member, nesting - 1) for member in value)
    return value is None or isinstance(value, str | int | float)


def _bytes_of(layer: keras.layers.Layer, channels: int) -> int:
    """The bytes that the weights of a layer take if its input has so many channels."""
    match layer:
        case keras.layers.Conv2D():
            weights = (math.prod(layer.kernel_size) * channels + 1) * layer.filters
        case keras.layers.Dense():
            weights = (channels + 1) * layer.units
        case keras.layers.BatchNormalization():
            weights = 4 * channels
        case _:
            weights = 0
    return weights * np.dtype(layer.variable_dtype).itemsize


def _needs_a_large_constant(layer: keras.layers.Layer, channels: int) -> bool:
    if isinstance(layer, SpaceToDepthConv2D):  # it pads its kernel to complete blocks of its stride
        return layer.strides[0] > min(layer.kernel_size)
    return isinstance(layer, LocalResponseNormalization) and channels > MOST_CHANNELS
