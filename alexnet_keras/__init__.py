"""AlexNet (Krizhevsky, Sutskever and Hinton 2012) for Keras.

Public names are loaded when they are first used, so that importing the package is quick and imports no TensorFlow.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alexnet_keras.api import evaluate, export, predict, recipes, report, reproduce, train
    from alexnet_keras.data.load_data import load_data
    from alexnet_keras.distribution.precision import recommended_dtype_policy
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.loading import load_model, save_model
    from alexnet_keras.model.response_normalization import LocalResponseNormalization
    from alexnet_keras.system.errors import InputError, OptionError, RunError
    from alexnet_keras.training.optimizer import KrizhevskySGD

    __version__: str

__all__ = [
    "AlexNet",
    "InputError",
    "KrizhevskySGD",
    "LocalResponseNormalization",
    "OptionError",
    "RunError",
    "__version__",
    "evaluate",
    "export",
    "load_data",
    "load_model",
    "predict",
    "recipes",
    "recommended_dtype_policy",
    "report",
    "reproduce",
    "save_model",
    "train",
]

_WITH_KERAS = {
    "AlexNet": "model.alexnet",
    "KrizhevskySGD": "training.optimizer",
    "LocalResponseNormalization": "model.response_normalization",
    "load_data": "data.load_data",
    **dict.fromkeys(("load_model", "save_model"), "model.loading"),
    "recommended_dtype_policy": "distribution.precision",
}
_MODULES = {
    **_WITH_KERAS,
    **dict.fromkeys(("evaluate", "export", "predict", "recipes", "report", "reproduce", "train"), "api"),
    **dict.fromkeys(("InputError", "OptionError", "RunError"), "system.errors"),
}


class _Package(ModuleType):
    """The package, in which `export` is the function although a folder has the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "export":  # Python would set the name to the folder when a module in it is imported
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # takes 30 ms

        return metadata.version("alexnet-keras")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _WITH_KERAS:
        from alexnet_keras.system.native_stderr import import_keras

        import_keras()
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
