"""Load the network of a run, of a model file or of a file of trained weights for figures of its layers."""

import dataclasses
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.config.layer_names import CONVOLUTIONS, LAYERS
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model, read_weights
from alexnet_keras.system.errors import InputError


def load_network(path: Path) -> keras.Model:
    """Load a Keras model from `.keras`, `.alexnet`, or any file that `read_weights` reads.

    A file of weights without fully connected layers gives a network that ends in the last pooling layer.

    Raises:
        OptionError: there is no such file, or its format has no layers.
        InputError: the file is damaged, or lacks a convolution.
    """
    if path.suffix == ".keras":
        return load_model(path)
    if path.suffix == archive.SUFFIX:
        return archive.read(path)
    if path.is_dir() or path.suffix in (".tflite", ".onnx"):
        raise InputError(f"{path} has no layers that can be drawn; use a run, .keras, .alexnet or trained weights.")
    weights = read_weights(path)
    layers = weights.layers
    missing = [name for name in CONVOLUTIONS if name not in layers]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; only complete convolutions can be drawn.")
    variant = ARCHITECTURES[next((name for name in weights.variants if name in ARCHITECTURES), "paper")]
    include_top = all(name in layers for name in LAYERS)
    changes: dict[str, Any] = {"filters": tuple(layers[name]["kernel"].shape[-1] for name in CONVOLUTIONS)}
    if include_top:
        changes["hidden_units"] = tuple(layers[name]["kernel"].shape[-1] for name in ("fc6", "fc7"))
    return AlexNet(
        dataclasses.replace(variant, **changes),
        classes=layers["fc8"]["kernel"].shape[-1] if include_top else 1000,
        include_top=include_top,
        weights=weights,
        class_names=weights.class_names,
    )
