"""model.loading."""

from pathlib import Path

import keras

from alexnet_keras.model.layers import MeanSubtraction, Predictions
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights.layouts import of_model
from alexnet_keras.weights.trained_weights import Weights, read


def load_model(path: str | Path) -> keras.Model:
    """Load a `.keras` file of this package, in safe mode and without an optimizer.

    Raises:
        OptionError: there is no such file.
        InputError: the file is no `.keras` file, is damaged, or holds another network.
    """
    path = Path(path)
    if not path.exists():
        raise OptionError(f"There is no model file {path}.")
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(f"{path} is no .keras file; only those, and runs, hold a Keras model.")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, json, h5py and Keras each raise their own kinds
        raise InputError(f"{path} is not a Keras model, or a damaged one; train or export it again.") from error
    if not any(isinstance(layer, MeanSubtraction) for layer in model.layers):
        raise InputError(f"{path} holds the model {model.name!r}, which is no AlexNet of this package.")
    return model


def read_weights(path: str | Path) -> Weights:
    """Trained weights from a `.keras` file, or any that `weights.read` takes.

    Raises:
        OptionError: there is no such file, or none of this kind.
        InputError: the file is damaged, would execute code, or holds nothing of an AlexNet.
    """
    path = Path(path)
    return weights_of(load_model(path), str(path)) if path.suffix == ".keras" else read(path)


def weights_of(model: keras.Model, source: str = "the model") -> Weights:
    """The weights of a model of this package, its towers joined; `source` is what messages call it."""
    mean, last = model.get_layer("mean"), model.layers[-1]
    return Weights(
        source=source,
        layers=of_model(model.layers),
        mean=mean.mean,
        stddev=mean.stddev,
        class_names=last.class_names if isinstance(last, Predictions) else None,
        variants=(model.name.removeprefix("alexnet_"),),
    )
