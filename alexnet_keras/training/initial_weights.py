"""Trained weights that a run starts from: a network for other classes takes all layers except the classifier."""

import dataclasses
import hashlib
from pathlib import Path

from alexnet_keras.config.layer_names import CLASSIFIER, CONVOLUTIONS, is_frozen
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import read_weights
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import InputError
from alexnet_keras.training.checkpoints import newest_first
from alexnet_keras.training.run_folder import Measured, Origin
from alexnet_keras.weights.layouts import shapes_of_model
from alexnet_keras.weights.trained_weights import Weights, assign, missing_layers


def begin(
    config: TrainConfig, run: Path, measured: Measured | None, classes: int
) -> tuple[Weights | None, Origin | None]:
    """Read the weights that a run starts from; if a checkpoint has them already, return only their origin."""
    if config.weights is None:
        return None, None
    if measured is not None and newest_first(run):
        return None, measured.weights
    trained, origin = read(config, classes)
    if measured is not None and measured.weights != origin:
        raise InputError(f"{config.weights} has changed since {run} began; restore it, or start another run.")
    frozen = ""
    if config.freeze != "none":
        epochs = f" for {config.freeze_epochs} epochs" if config.freeze_epochs else ""
        frozen = f"; up to {config.freeze} they are frozen{epochs}"
    print_message(
        f"Weights of {', '.join(origin.layers)} are from {config.weights}{frozen}. "
        f"Random initial weights: {', '.join(origin.new_layers)}."
    )
    return trained, origin


def read(config: TrainConfig, classes: int) -> tuple[Weights, Origin]:
    """Read all layers that a run takes from its file of weights.

    fc8 is always new. fc6 and fc7 are taken if the file has them in the size of the network.
    """
    path = Path(str(config.weights))
    given = read_weights(path)
    side = config.input_size
    network = AlexNet(config.architecture, classes=classes, input_shape=(side, side, 3), dtype="float32")
    shapes = shapes_of_model(network.layers)

    def fits(name: str) -> bool:
        found = {key: value.shape for key, value in given.layers[name].items()}
        return name not in CLASSIFIER or (name != "fc8" and found == shapes[name])

    taken = dataclasses.replace(given, layers={name: given.layers[name] for name in given.layers if fits(name)})
    assign(taken, config.architecture.name, network.layers, allow_missing=True)
    missing = missing_layers(taken, network.layers)
    lacking = [name for name in missing if name in CONVOLUTIONS and is_frozen(name, config.freeze)]
    if lacking:
        raise InputError(
            f"{path} lacks {', '.join(lacking)}, so `freeze` {config.freeze} cannot keep them; freeze fewer layers."
        )
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    pixels = network.get_layer("mean")
    mean, stddev = taken.mean or pixels.mean, taken.stddev or pixels.stddev
    return taken, Origin(sha256=checksum, layers=tuple(taken.layers), new_layers=missing, mean=mean, stddev=stddev)
