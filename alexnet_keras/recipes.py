"""Whole, named configurations: a recipe is a function, a run changes what differs from machine to machine."""

import dataclasses
from collections.abc import Callable

from alexnet_keras.architecture import ARCHITECTURES, architecture
from alexnet_keras.config import TrainConfig
from alexnet_keras.errors import OptionError
from alexnet_keras.schedules import Cosine


def quickstart() -> TrainConfig:
    """The paper's network, trained from scratch on thousands of images instead of a million, in minutes.

    Two towers, local response normalization and dropout as in the paper. Not as in the paper: He's initial weights, a
    warm-up and a cosine, because 90 epochs of waiting for the plateau are not to be had.
    """
    return TrainConfig(
        recipe="quickstart",
        architecture=dataclasses.replace(ARCHITECTURES["paper"], initializer="he_normal"),
        epochs=6,
        batch_size=64,
        learning_rate=0.02,
        schedule=Cosine(warmup_epochs=1),
        bias_learning_rate_multiplier=1.0,
        label_smoothing=0.1,
    )


def transfer() -> TrainConfig:
    """Trained convolutions and a new, smaller classifier, for thousands of images instead of a million."""
    return TrainConfig(
        recipe="transfer",
        architecture=architecture("caffe", hidden_units=(512, 512)),
        epochs=5,
        batch_size=64,
        learning_rate=0.001,
        schedule=Cosine(),
        bias_learning_rate_multiplier=1.0,
        label_smoothing=0.1,
        freeze="conv5",
        freeze_epochs=3,
        cache_features=True,
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {"quickstart": quickstart, "transfer": transfer}


def recipe(name: str) -> TrainConfig:
    """The configuration of a named recipe.

    Raises:
        OptionError: no recipe has this name.
    """
    if name not in RECIPES:
        raise OptionError(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name]()
