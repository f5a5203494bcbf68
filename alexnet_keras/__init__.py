"""AlexNet (Krizhevsky, Sutskever and Hinton 2012) for Keras.

The public names are loaded at first use: importing the package is quick and imports no TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alexnet_keras.data.load_data import load_data
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.loading import load_model
    from alexnet_keras.model.response_normalization import LocalResponseNormalization
    from alexnet_keras.training.optimizer import KrizhevskySGD

__all__ = ["AlexNet", "KrizhevskySGD", "LocalResponseNormalization", "load_data", "load_model"]

_ROOMS = {
    "AlexNet": "model.alexnet",
    "KrizhevskySGD": "training.optimizer",
    "LocalResponseNormalization": "model.response_normalization",
    "load_data": "data.load_data",
    "load_model": "model.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
