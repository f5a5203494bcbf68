"""cli.find_model."""

from pathlib import Path

from alexnet_keras.config.training import DataSource
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training.run_folder import CONFIG, MODEL, ROOT


def newest(root: Path = ROOT) -> Path:
    """The folder of the run that last wrote its model.

    Raises:
        OptionError: there is none.
    """
    models = [path for path in root.glob(f"*/{MODEL}") if path.is_file()]
    if not models:
        raise OptionError(f"There is no run in {root}; name a model, or make one with 'alexnet-keras train'.")
    return max(models, key=lambda path: (path.stat().st_mtime_ns, path)).parent


def looks_like_model(path: Path) -> bool:
    """Whether an argument names a model and not a picture: by its suffix, or because it is a folder."""
    return path.is_dir() or path.suffix in (".keras", ".tflite", ".onnx", ".alexnet")


def find_model(path: Path | None) -> Path:
    """The model file that a user means.

    Args:
        path: a run's folder, a model file of any format, or `None` for the newest run.

    Raises:
        OptionError: there is nothing at `path`.
        InputError: it is a folder without a model.
    """
    path = newest() if path is None else path
    if not path.exists():
        raise OptionError(
            f"There is no model {path}; give a run, a .keras, a SavedModel, a .tflite, an .onnx or an .alexnet."
        )
    if path.is_dir() and not (path / "saved_model.pb").exists():
        if not (path / MODEL).is_file():
            raise InputError(f"The folder {path} is neither a run with {MODEL!r} nor a SavedModel.")
        return path / MODEL
    return path


def data_of(model: Path) -> DataSource:
    """The data set of the run that a model file lies in.

    Raises:
        OptionError: it lies in no run.
        InputError: the run's configuration is damaged.
    """
    config = model.parent / CONFIG
    values = atomic_files.read_json(config) if config.is_file() else {}
    if not isinstance(values.get("data"), str):
        raise OptionError(f"{model} lies in no run, so its data set is not known; name one with --data.")
    where = {name: values.get(name) for name in ("data_dir", "manual_dir", "split")}
    return DataSource(name=values["data"], **where)
