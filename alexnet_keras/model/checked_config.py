"""Build a network from the configuration in a file that may come from somebody else.

Keras's own reader can build any class of Keras, and its versions before 3.15.1 have known ways to run code or to access
files with it. This reader builds only the layers of an AlexNet from plain values, and compares the size of each layer
with a bound before Keras allocates its weights.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from alexnet_keras.config.architecture import LARGEST_INPUT
from alexnet_keras.model import layers  # noqa: F401  it registers layers with Keras
from alexnet_keras.model.pixel_check import watch_pixels
from alexnet_keras.model.response_normalization import LocalResponseNormalization
from alexnet_keras.model.space_to_depth import SpaceToDepthConv2D
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.weights.sizes import UNPACKED_BYTES

MOST_LAYERS = 200  # "batchnorm" has 58
MOST_CHANNELS = 8_192  # local response normalization makes a matrix of channels x channels, here of 268 MB
# Layers that users put between and behind those of an AlexNet are here too, if they cannot read files or run code.
LAYERS = {
    "keras.layers": (
        *("InputLayer", "Conv2D", "Dense", "Activation", "ReLU", "Softmax", "MaxPooling2D", "ZeroPadding2D", "Flatten"),
        *("BatchNormalization", "Concatenate", "Dropout", "AveragePooling2D", "GlobalAveragePooling2D", "Rescaling"),
        *("GlobalMaxPooling2D", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast"),
        *("RandomBrightness",),
    ),
    "alexnet_keras": (
        *("MeanSubtraction", "TowerMaps", "SpaceToDepthConv2D", "Predictions"),
        *("LocalResponseNormalization", "SpatialResponseNormalization"),
    ),
}
NETWORKS = ("Functional", "Sequential")
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

    If a layer of the model is a model, such as an AlexNet without its top, the result has the layers of both. It
    computes the same function, and everything that needs the layers of an AlexNet finds them.

    Args:
        largest: the bytes of all weights in the file.

    Raises:
        Exception: it is damaged.
    """
    network = config["config"]
    entries = list(itertools.islice(_entries(network), MOST_LAYERS + 1))
    is_alexnet = any(entry["registered_name"] == "alexnet_keras>MeanSubtraction" for entry in entries)
    if config["class_name"] not in NETWORKS or not is_alexnet:
        name = brief(network["name"])
        raise InputError(f"{path} holds the model {name}, which is not an AlexNet of this package; pass another file.")
    if len(entries) > MOST_LAYERS:
        raise InputError(f"{path} has more than {MOST_LAYERS} layers, which no AlexNet has; check the file.")
    builder = _Builder(path, largest)
    images = builder.make(entries[0]).output  # only an input has an output before it is called
    batch, *sides, channels = images.shape
    if batch is not None or channels != 3 or max(side or 1 for side in sides) > LARGEST_INPUT:
        raise InputError(
            f"{path} takes images of shape {images.shape}, but an AlexNet takes RGB of at most {LARGEST_INPUT} "
            "pixels a side; check the file."
        )
    model = keras.Model(images, builder.apply(network, images), name=network["name"])
    names = getattr(model.layers[-1], "class_names", None)
    if names is not None and not (len(names) == model.output_shape[-1] and all(isinstance(n, str) for n in names)):
        raise InputError(
            f"{path} has {len(names):,} class names for {model.output_shape[-1]:,} outputs; export it again."
        )
    return watch_pixels(model)


def _entries(network: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of all layers, from input to output, with those of models that are layers."""
    for entry in network["layers"]:
        if entry["class_name"] in NETWORKS:
            yield from _entries(entry["config"])
        else:
            yield entry


class _Builder:
    """Makes the layers of a file and calls them.

    Args:
        largest: the bytes of all weights in the file, from which those of each layer are subtracted.
    """

    def __init__(self, path: Path, largest: int) -> None:
        self.path = path
        self.left = largest
        self.names: set[str] = set()

    def make(self, entry: Mapping[str, Any]) -> keras.layers.Layer:
        """Make a layer, whose weights are not allocated yet."""
        layer = keras.saving.deserialize_keras_object(_checked(entry, LAYERS, self.path), safe_mode=True)
        if layer.name in self.names:
            raise InputError(
                f"{self.path} has two layers with the name {brief(layer.name)}; give each layer its own name."
            )
        self.names.add(layer.name)
        return layer

    def apply(self, network: Mapping[str, Any], images: Any) -> Any:
        """Call the layers of a functional or sequential model one after the other, and return its output."""
        outputs: dict[str, Any] = {}
        previous = images
        for entry in network["layers"]:
            name, is_input = entry["config"].get("name"), entry["class_name"] == "InputLayer"
            if is_input and outputs:
                raise ValueError("it has several inputs")
            if not is_input:
                sources = self._sources(entry, outputs) if "output_layers" in network else previous
                is_network = entry["class_name"] in NETWORKS
                previous = self.apply(entry["config"], sources) if is_network else self._call(entry, sources)
            outputs[name] = previous
        last = network.get("output_layers", previous)
        while isinstance(last, list):
            last = last[0]
        return outputs[last] if isinstance(last, str) else last

    def _sources(self, entry: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
        """The tensors that a layer of a functional model is called with."""
        (node,) = entry["inbound_nodes"]
        (sources,) = node["args"]
        # Whether a layer was called for training does not matter: predictions and new training decide it anew.
        if any(value and not (key == "training" and value is True) for key, value in node["kwargs"].items()):
            raise InputError(
                f"{self.path} calls {brief(entry['config']['name'])} with options, which no AlexNet does; "
                "save the model again."
            )
        if isinstance(sources, list):
            return [outputs[source["config"]["keras_history"][0]] for source in sources]
        return outputs[sources["config"]["keras_history"][0]]

    def _call(self, entry: Mapping[str, Any], inputs: Any) -> Any:
        layer = self.make(entry)
        if isinstance(layer, keras.layers.Concatenate) != isinstance(inputs, list):
            raise ValueError(f"{layer.name} has a wrong number of inputs")
        if not isinstance(inputs, list):
            self.left -= _bytes_of(layer, inputs.shape[-1])
            if self.left < 0 or _needs_a_large_constant(layer, inputs.shape[-1]):
                raise InputError(
                    f"{self.path} has the layer {brief(layer.name)}, which is larger than its weights; export it again."
                )
        output = layer(inputs)
        if 4 * math.prod(side or 1 for side in output.shape[1:]) > UNPACKED_BYTES:
            raise InputError(
                f"{self.path} has the layer {brief(layer.name)}, whose output is larger than any of AlexNet; "
                "pass another file."
            )
        return output


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
    if kinds is VALUES:  # None is a default; initializers of Keras 3.15 have such options that those of 3.13 lack
        config = {key: value for key, value in config.items() if value is not None}
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
            weights = (2 + layer.center + layer.scale) * channels
        case _:
            weights = 0
    return weights * np.dtype(layer.variable_dtype).itemsize


def _needs_a_large_constant(layer: keras.layers.Layer, channels: int) -> bool:
    if isinstance(layer, SpaceToDepthConv2D):  # it pads its kernel to complete blocks of its stride
        return layer.strides[0] > min(layer.kernel_size)
    return isinstance(layer, LocalResponseNormalization) and channels > MOST_CHANNELS
