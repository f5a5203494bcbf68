"""Load the model that a figure draws, and find its layers."""

import dataclasses
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.config import pretrained
from alexnet_keras.config.layer_names import CONVOLUTIONS, HIDDEN_LAYERS, LAYERS, split_tower
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import LIGHT_SUFFIXES, SUFFIXES, Predictor, load_predictor
from alexnet_keras.inference.versions import find_saved_model
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import MODEL_READERS, load_model, read_weights
from alexnet_keras.system.errors import InputError
from alexnet_keras.training.run_folder import MODEL

POOLINGS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
HIDDEN = (keras.layers.Dense, keras.layers.Flatten)  # the last one is fc7; in the small network, it is `flatten`


def last_layer(model: keras.Model, kinds: tuple[type[keras.layers.Layer], ...]) -> str:
    """Return the name, without its tower, of the last layer of some types before the classifier.

    It is the last layer of the network if there is none of these types.
    """
    found = [layer for layer in model.layers if isinstance(layer, kinds) and layer.name != "fc8"]
    return split_tower((found or model.layers)[-1].name)[0]


def network_of(model: Any) -> keras.Model:
    """Return a model whose layers can be drawn: a Keras model, or that of the path of a run, a model or weights."""
    return load_network(_file_of(Path(model))) if isinstance(model, str | Path) else model


def predictor_of(model: Any, allow_all_operations: bool = False) -> Predictor:
    """Return a classifier: a `Predictor`, or that of a Keras model or of the path of a run, a model or weights."""
    if isinstance(model, str | Path):
        path = _file_of(Path(model))
        if path.suffix in SUFFIXES or not path.is_file():
            return load_predictor(path, allow_all_operations)
        model = load_network(path)
    return model if isinstance(model, Predictor) else from_keras(model)


def _file_of(path: Path) -> Path:
    return path / MODEL if path.is_dir() and find_saved_model(path) is None else pretrained.file_of(path)


def load_network(path: Path) -> keras.Model:
    """Load a Keras model from `.keras`, `.alexnet`, or any file that `read_weights` reads.

    A file of weights without fully connected layers gives a network that ends in the last pooling layer.
    """
    if path.suffix in MODEL_READERS:
        return load_model(path)
    if path.is_dir() or path.suffix in LIGHT_SUFFIXES:
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
        changes["hidden_units"] = tuple(layers[name]["kernel"].shape[-1] for name in HIDDEN_LAYERS)
    return AlexNet(
        dataclasses.replace(variant, **changes),
        classes=layers["fc8"]["kernel"].shape[-1] if include_top else 1000,
        include_top=include_top,
        weights=weights,
        class_names=weights.class_names,
    )
