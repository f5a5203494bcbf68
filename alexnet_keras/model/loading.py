"""Load models and trained weights from files."""

from pathlib import Path

import keras

from alexnet_keras.model import response_normalization, space_to_depth  # noqa: F401  they register layers with Keras
from alexnet_keras.model.layers import MeanSubtraction, Predictions
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights.layouts import of_model
from alexnet_keras.weights.trained_weights import Weights, read


def load_model(path: str | Path) -> keras.Model:
    """Load an AlexNet from a `.keras` file, in safe mode and without an optimizer.

    Args:
        path: a file that training, `export` or `model.save` of this package wrote.

    Returns:
        The model, not compiled. It takes raw RGB `(B, H, W, 3)`, 0 to 255.

    Raises:
        OptionError: there is no such file.
        InputError: the file is not a `.keras` file, is damaged, or holds another network.

    Example::

        model = load_model("saved_models/run/model.keras")
        probabilities = model.predict(images)
    """
    path = Path(path)
    if not path.exists():
        raise OptionError(f"There is no model file {path}; check the path.")
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(f"{path} is not a .keras file; pass a .keras file or the folder of a run.")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, json, h5py and Keras each raise their own kinds
        raise InputError(f"{path} is damaged, or is not a Keras model; train or copy it again.") from error
    check_is_alexnet(model, path)
    return model


def check_is_alexnet(model: keras.Model, path: Path) -> None:
    """Raise `InputError` unless the model that was read from `path` is an AlexNet of this package."""
    if not any(isinstance(layer, MeanSubtraction) for layer in model.layers):
        raise InputError(
            f"{path} holds the model {model.name!r}, which is not an AlexNet of this package; pass another file."
        )


def read_weights(path: str | Path) -> Weights:
    """Read trained weights from a `.keras` file, or from any file that `trained_weights.read` accepts.

    Raises:
        OptionError: there is no such file, or its format is unknown.
        InputError: the file is damaged, would execute code, or holds no layer of an AlexNet.
    """
    path = Path(path)
    return weights_of(load_model(path), str(path)) if path.suffix == ".keras" else read(path)


def weights_of(model: keras.Model, source: str = "the model") -> Weights:
    """Return the weights of a model of this package, with the two towers of a layer concatenated.

    Args:
        model: an AlexNet of this package.
        source: name of the weights in messages.
    """
    mean, last = model.get_layer("mean"), model.layers[-1]
    return Weights(
        source=source,
        layers=of_model(model.layers),
        mean=mean.mean,
        stddev=mean.stddev,
        class_names=last.class_names if isinstance(last, Predictions) else None,
        variants=(model.name.removeprefix("alexnet_"),),
    )
