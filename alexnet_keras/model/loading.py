"""Load models and trained weights from files."""

from pathlib import Path

import keras

from alexnet_keras.config.variants import variant_of
from alexnet_keras.model import archive
from alexnet_keras.model.checked_config import build_network
from alexnet_keras.model.layers import Predictions
from alexnet_keras.system.atomic_files import appear_whole, check_output, unwritable
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights import keras_file
from alexnet_keras.weights.file_kinds import kind_of
from alexnet_keras.weights.layouts import of_model
from alexnet_keras.weights.trained_weights import Weights, read

SUFFIX = ".keras"


def load_model(path: str | Path) -> keras.Model:
    """Load an AlexNet from a file, without an optimizer and without executing anything in the file.

    Args:
        path: a `.keras` file that training, `export` or `model.save` of this package wrote, or an `.alexnet` archive.

    Returns:
        The model, not compiled. It takes raw RGB `(B, H, W, 3)`, 0 to 255.

    Raises:
        OptionError: there is no such file.
        InputError: the file is of another kind, is damaged, or holds another network.

    Example::

        model = load_model("saved_models/run/model.keras")
        probabilities = model.predict(images)
    """
    path = Path(path)
    if not path.exists():
        raise OptionError(f"There is no model file {path}; check the path.")
    if path.suffix not in MODEL_READERS or path.is_dir():
        raise InputError(f"{path} is not a .keras or .alexnet file; pass one of these or the folder of a run.")
    return MODEL_READERS[path.suffix](path)


def save_model(model: keras.Model, path: str | Path, overwrite: bool = False) -> None:
    """Write a model to a `.keras` file without its optimizer, which would double the size of the file.

    Args:
        model: a Keras model, compiled or not.
        path: the file to write, which appears whole or not at all.
        overwrite: replace an existing file.

    Raises:
        OptionError: `path` has another suffix.
        InputError: the file exists and is not to be replaced, or cannot be written.

    Example::

        model.fit(train, epochs=10, shuffle=False)
        save_model(model, "alexnet.keras")
    """
    path = Path(path)
    if not (overwrite and path.is_file() and path.suffix == SUFFIX):
        check_output(path, (SUFFIX,), "path")
    uncompiled = type(model).from_config(model.get_config())  # a clone would be compiled as well
    uncompiled.set_weights(model.get_weights())
    try:
        with appear_whole(path) as partial:
            uncompiled.save(partial)
    except OSError as error:
        raise unwritable(path, error, "path") from error


def _load(path: Path) -> keras.Model:
    with keras_file.opened(path) as content:
        model = build_network(content.config, path, content.size)
        for layer in model.layers:
            for index, variable in enumerate(layer.weights):
                variable.assign(content.array(layer.name, index))
    return model


MODEL_READERS = {SUFFIX: _load, archive.SUFFIX: archive.read}


def read_weights(path: str | Path) -> Weights:
    """Read trained weights from a `.keras` or `.alexnet` file, or from any file that `trained_weights.read` accepts.

    Raises:
        OptionError: there is no such file.
        InputError: the file has another format, is damaged, or holds no layer of an AlexNet.
    """
    path = Path(path)
    if path.exists():
        suffix = SUFFIX if path.suffix == SUFFIX else f".{kind_of(path)}"
        if suffix in MODEL_READERS:
            return weights_of(MODEL_READERS[suffix](path), str(path))
    return read(path)


def weights_of(model: keras.Model, source: str = "the model") -> Weights:
    """Return the weights of a model of this package, with the two towers of a layer concatenated.

    Args:
        model: an AlexNet of this package.
        source: name of the weights in messages.
    """
    mean, last, variant = model.get_layer("mean"), model.layers[-1], variant_of(model.name)
    return Weights(
        source=source,
        layers=of_model(model.layers),
        mean=mean.mean,
        stddev=mean.stddev,
        class_names=last.class_names if isinstance(last, Predictions) else None,
        variants=() if variant is None else (variant,),
    )
