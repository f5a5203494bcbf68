"""Trained weights as the beginning of a run: which of them a network for other classes takes over."""

import dataclasses
import hashlib
import sys
from pathlib import Path

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import read_weights
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training import run_folder
from alexnet_keras.training.run_folder import Measured, Origin
from alexnet_keras.weights.layouts import shapes_of_model
from alexnet_keras.weights.trained_weights import CLASSIFIER, Weights, assign, missing_layers


def check(config: TrainConfig) -> None:
    """Refuse what needs no look at data or weights.

    Raises:
        OptionError: the recipe is about trained weights, or layers are to be frozen, and there are none, or there is no
            such file.
    """
    if config.weights is None and config.recipe == "transfer":
        raise OptionError("The recipe transfer begins from trained weights; name their file with --weights.")
    if config.weights is None and config.freeze != "none":
        raise OptionError(
            f"--freeze {config.freeze} keeps trained weights as they are; name their file with --weights."
        )
    if config.weights is not None and not Path(config.weights).is_file():
        raise OptionError(f"There is no file of weights {config.weights}; --weights must name one.")


def begin(
    config: TrainConfig, run: Path, measured: Measured | None, classes: int
) -> tuple[Weights | None, Origin | None]:
    """The weights that a run begins from; only their origin where a checkpoint has them already.

    Args:
        config: the run's.
        run: its folder.
        measured: what it has measured, where it is resumed.
        classes: of its data.

    Raises:
        OptionError: there is no such file, or none of this kind.
        InputError: the file cannot be used, or has changed since the run began.
    """
    if config.weights is None:
        return None, None
    if measured is not None and any((run / run_folder.CHECKPOINTS).glob("step-*.npz")):
        return None, measured.weights
    trained, origin = read(config, classes)
    if measured is not None and measured.weights != origin:
        raise InputError(f"{config.weights} has changed since {run} began; bring it back, or start another run.")
    frozen = ""
    if config.freeze != "none":
        epochs = f" for {config.freeze_epochs} epochs" if config.freeze_epochs else ""
        frozen = f"; those up to {config.freeze} are frozen{epochs}"
    new = f"new: {', '.join(origin.new_layers)}"
    print(f"Weights of {', '.join(origin.layers)} from {config.weights}; {new}{frozen}", file=sys.stderr)
    return trained, origin


def read(config: TrainConfig, classes: int) -> tuple[Weights, Origin]:
    """What a run takes over from its file of weights: all but the classifier.

    fc8 is always new. fc6 and fc7 are taken over where the file has them in the size of the run's network.

    Args:
        config: the run's, with `weights`.
        classes: of its data.

    Raises:
        OptionError: there is no such file, or none of this kind.
        InputError: the file is damaged, is for another network, or lacks a layer that is to be frozen.
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
    lacking = [name for name in missing if name[:4] == "conv" and name <= config.freeze != "none"]
    if lacking:
        raise InputError(f"{path} lacks {', '.join(lacking)}, so --freeze {config.freeze} cannot keep what it learnt.")
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    pixels = network.get_layer("mean")
    mean, stddev = taken.mean or pixels.mean, taken.stddev or pixels.stddev
    return taken, Origin(sha256=checksum, layers=tuple(taken.layers), new_layers=missing, mean=mean, stddev=stddev)
