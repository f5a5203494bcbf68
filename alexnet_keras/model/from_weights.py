"""Build the model that fits trained weights."""

from collections.abc import Sequence

import keras

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.weights.trained_weights import Weights, missing_layers


def from_weights(
    trained: Weights,
    variant: str | Architecture,
    *,
    allow_missing: bool = False,
    class_names: Sequence[str] | None = None,
) -> tuple[keras.Model, tuple[str, ...]]:
    """Build a variant with trained weights and as many classes as these have.

    Args:
        trained: the weights.
        variant: as in `AlexNet`.
        allow_missing: whether layers that `trained` lacks keep their initial weights.
        class_names: names for weights that come without names, ignored if their number is not that of the classes.

    Returns:
        The model, and the names of the layers that `trained` lacks.

    Raises:
        InputError: the weights lack layers and `allow_missing` is false, or they are for another variant.
    """
    fc8 = trained.layers.get("fc8", {})
    classes = len(fc8["bias"]) if "bias" in fc8 else 1000
    names = next((each for each in (trained.class_names, class_names) if each and len(each) == classes), None)
    model = AlexNet(variant, classes=classes, class_names=names, weights=trained, allow_missing=allow_missing)
    return model, missing_layers(trained, model.layers)
