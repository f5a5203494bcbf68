"""Figures that show what a network learned, as matplotlib figures for slides and notebooks (extra `figures`).

```python
from alexnet_keras import figures

figure = figures.filters("saved_models/RUN")  # or a model file, a file of trained weights, or a Keras model
figures.save(figure, "filters.svg")
```

Each name is loaded when it is first used. The modules whose names do not stand here compute what the figures show, and
need no matplotlib.
"""

import importlib
from typing import TYPE_CHECKING, Any

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.native_stderr import import_keras

if TYPE_CHECKING:
    from alexnet_keras.figures.augmented import augmentation
    from alexnet_keras.figures.diagram import architecture
    from alexnet_keras.figures.kernels import filters
    from alexnet_keras.figures.one_image import activations, gradcam, occlusion
    from alexnet_keras.figures.results import confusion, curves, predictions
    from alexnet_keras.figures.similarity import embedding, retrieval
    from alexnet_keras.figures.style import save
    from alexnet_keras.figures.units import patches

SUFFIXES = (".png", ".svg")  # of the files that `save` writes
PIXELS = 2000  # across a PNG, by default
SEARCHED, MAPPED = 2000, 300  # images that `retrieval` and `patches` search and that `embedding` shows, by default
CURVES_BY = ("epoch", "minutes")  # the horizontal axes of `curves`
_MODULES = {
    "architecture": "diagram",
    "augmentation": "augmented",
    "filters": "kernels",
    "patches": "units",
    "save": "style",
    **dict.fromkeys(("activations", "gradcam", "occlusion"), "one_image"),
    **dict.fromkeys(("confusion", "curves", "predictions"), "results"),
    **dict.fromkeys(("embedding", "retrieval"), "similarity"),
}

__all__ = [
    "activations",
    "architecture",
    "augmentation",
    "confusion",
    "curves",
    "embedding",
    "filters",
    "gradcam",
    "occlusion",
    "patches",
    "predictions",
    "retrieval",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import matplotlib  # noqa: F401 - an optional dependency
    except ImportError as error:
        raise InputError("Figures need matplotlib; install it with `pip install 'alexnet-keras[figures]'`.") from error
    if name != "save":  # which needs no network
        import_keras()
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
