"""Read trained weights from files of Caffe, PyTorch, NumPy and Keras, assign them to a model, and write them."""

import contextlib
import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.layer_names import CLASSIFIER, CONVOLUTIONS, LAYERS, is_weighted
from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import IMAGENET_MEAN
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.system.errors import InputError, OptionError, check
from alexnet_keras.system.input_files import parse_json
from alexnet_keras.system.terminal_text import listed, printable, shorten
from alexnet_keras.weights import caffe, hdf5, named_arrays, pytorch
from alexnet_keras.weights.file_kinds import kind_of
from alexnet_keras.weights.layouts import (
    TORCHVISION,
    Layers,
    from_channels_first,
    into_model,
    join_towers,
    shapes_of_model,
    torchvision_names,
)

KINDS = ("weight", "bias")  # of PyTorch
CAFFE_VARIANTS = ("caffe", "caffenet")  # bvlc_alexnet and bvlc_reference_caffenet: the same shapes
# Weights of torchvision expect pixels of 0 to 1, minus the mean and divided by the standard deviation of each colour.
PUBLISHED = (
    "this package has no weights of ImageNet, only `weights='imagenette'`. "
    "Download https://download.pytorch.org/models/alexnet-owt-7be5be79.pth (torchvision, `variant='owt'`) or "
    "http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel (Caffe, `variant='caffe'`), and pass the path of "
    "that file"
)
TORCHVISION_MEAN = (0.485, 0.456, 0.406)
TORCHVISION_STDDEV = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """The preprocessing and the classes that weights were trained with, as far as their file contains them.

    Attributes:
        mean: red, green and blue, 0 to 255, subtracted from the pixels.
        stddev: the divisor of the difference.
        variants: the variants that such files fit.
    """

    mean: tuple[float, ...] | None = None
    stddev: float | None = None
    class_names: tuple[str, ...] | None = None
    variants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        mean, stddev = self.mean, self.stddev
        check(
            mean is None or (len(mean) == 3 and all(0 <= value <= 255 for value in mean)),
            f"`mean` must be three numbers from 0 to 255, got {mean}.",
        )
        check(stddev is None or 0 < stddev < math.inf, f"`stddev` must be positive and finite, got {stddev}.")


@dataclass(frozen=True, kw_only=True)
class Weights(Expectations):
    """Trained weights in one layout for all file formats.

    Attributes:
        layers: layer -> name of a weight -> float32 values. Kernels are `(height, width, in / groups, out)` and `(in,
            out)`; the outputs of the first tower come before those of the second. conv1 reads red, green and blue.
        unknown: other arrays of the file.
    """

    source: str
    layers: Layers
    unknown: tuple[str, ...] = ()

    @property
    def classes(self) -> int | None:
        """The number of classes; `None` without the last layer."""
        return self._outputs("fc8")

    def with_width(self, spec: Architecture) -> Architecture:
        """Return an architecture with the width that these weights have.

        Return the architecture unchanged if no `width` gives the sizes of these weights.
        """
        layers = (*CONVOLUTIONS[: len(spec.filters)], *CLASSIFIER[: len(spec.hidden_units)])
        numbers = dict(zip(layers, (*spec.filters, *spec.hidden_units), strict=True))
        given = {name: found for name in layers if (found := self._outputs(name)) is not None}
        for name in sorted(given, key=lambda layer: -numbers[layer]):  # of the largest, rounding changes least
            with contextlib.suppress(OptionError):  # such a width is out of range
                scaled = dataclasses.replace(spec, width=given[name] / numbers[name])
                sizes = dict(zip(layers, (*scaled.channels, *scaled.units), strict=True))
                if given.items() <= sizes.items():
                    return scaled
        return spec

    def _outputs(self, layer: str) -> int | None:
        kernel = self.layers.get(layer, {}).get("kernel")
        return None if kernel is None else kernel.shape[-1]


def read(path: Path) -> Weights:
    """Read trained weights without executing anything in the file. The content decides how, not the suffix.

    Args:
        path: a `.caffemodel` of Caffe, or its HDF5 form; a state dict of torchvision's `alexnet` in a PyTorch or
            `.safetensors` file; `.npz`, `.safetensors` or `.h5` with `conv1/kernel`, `conv1/bias`, ... as `export`
            writes them; `.h5` and `.weights.h5` of Keras; `.npz` with `conv1_w`, `conv1_b`, ... in the layout of Caffe;
            or the `.npy` dictionary of caffe-tensorflow. conv1 of Caffe reads blue, green and red.
    """
    check_exists(path)
    reader, convert, kind = READERS[kind_of(path)]
    try:
        found = reader(path)
    except InputError:
        raise
    except Exception as error:  # libraries raise many kinds of errors for a damaged file
        reason = _line(str(error)) or type(error).__name__
        raise InputError(f"{path} is not {kind}, or is damaged ({reason}); download it again.") from error
    try:
        with np.errstate(all="ignore"):  # values that are not finite are refused below
            weights = convert(str(path), found)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"The weights in {path} are not those of an AlexNet: {error}; pass another file.") from error
    if not weights.layers:
        raise InputError(
            f"{path} has no layer of an AlexNet, only {_names(weights.unknown) or 'nothing'}; check the file."
        )
    for layer, values in weights.layers.items():
        for key, value in values.items():
            if not np.isfinite(value).all():
                raise InputError(f"{path} has NaN or infinite values in {_line(f'{layer}/{key}')}; use another file.")
    return weights


def check_exists(path: Path) -> None:
    """Raise `OptionError` if there is no file of weights."""
    if not path.exists():
        raise OptionError(f"The weights file {path} does not exist; {remedy(path)}.")


def remedy(path: Path) -> str:
    """Say what to do about a file of weights that does not exist.

    By the words `imagenet` or `default`, `keras.applications` and torchvision download weights.
    """
    return PUBLISHED if path.name.lower() in ("imagenet", "imagenet1k_v1", "default") else "check the path"


def _of_caffemodel(source: str, found: tuple[dict[str, list[np.ndarray]], list[str]]) -> Weights:
    blobs, order = found
    variants: tuple[str, ...] = CAFFE_VARIANTS
    if {"norm1", "pool1"} <= set(order):  # the difference between the two
        variants = variants[:1] if order.index("norm1") < order.index("pool1") else variants[1:]
    return _of_caffe(source, blobs, variants)


def _of_arrays(source: str, found: tuple[dict[str, np.ndarray], str]) -> Weights:
    arrays, metadata = found
    if torchvision_names(arrays):
        return _of_torchvision(source, arrays)
    if any(re.fullmatch(r"(conv|fc)\d_w", name) for name in arrays):
        pairs = {
            name.removesuffix("_w"): [value, arrays[f"{name[:-1]}b"]]
            for name, value in arrays.items()
            if name.endswith("_w") and f"{name[:-1]}b" in arrays
        }
        rest = {name: [value] for name, value in arrays.items() if name[:-2] not in pairs}
        return _of_caffe(source, {**pairs, **rest}, CAFFE_VARIANTS)
    return _of_names(source, arrays, metadata)


def _of_caffe(source: str, blobs: Mapping[str, list[np.ndarray]], variants: tuple[str, ...]) -> Weights:
    known = {name: pair for name, pair in blobs.items() if name in LAYERS and len(pair) == 2}
    unknown = tuple(name for name in blobs if name not in known)
    layers = _from_channels_first(known, unknown, bgr=True)
    return Weights(source=source, layers=layers, mean=IMAGENET_MEAN, stddev=1.0, unknown=unknown, variants=variants)


def _of_caffe_tensorflow(source: str, found: Mapping[str, Sequence[np.ndarray]]) -> Weights:
    """Convert what caffe-tensorflow wrote: the weights of Caffe in the layout of TensorFlow, still blue, green, red."""
    layers = {}
    for name, (kernel, bias) in found.items():
        if name in LAYERS:
            kernel, bias = np.asarray(kernel, np.float32), np.asarray(bias, np.float32).reshape(-1)
            if kernel.ndim != (4 if name in CONVOLUTIONS else 2) or kernel.shape[-1] != len(bias):
                raise ValueError(f"{name} has a kernel of shape {kernel.shape} and {len(bias)} biases")
            layers[name] = {"kernel": kernel[:, :, ::-1] if name == "conv1" else kernel, "bias": bias}
    unknown = tuple(name for name in found if name not in layers)
    return Weights(
        source=source, layers=layers, mean=IMAGENET_MEAN, stddev=1.0, unknown=unknown, variants=CAFFE_VARIANTS
    )


def _of_torchvision(source: str, tensors: Mapping[str, np.ndarray]) -> Weights:
    """Convert torchvision's three divisors, one per colour, to one divisor and scaled kernels of conv1.

    `(x / 255 - mean) / stddev = (x - 255 mean) / divisor * (divisor / (255 stddev))`, and the zeros around the image
    stay zeros. The divisor is the average of the three, so that the weights of conv1 keep their size.
    """
    names = torchvision_names(tensors)
    several = next((_names(found[:2]) for found in names.values() if len(found) > 1), None)
    if several:
        raise ValueError(f"the file has two networks, such as {several}, instead of one state dict")
    known = {
        layer: [tensors[names[f"{name}.{kind}"][0]] for kind in KINDS]
        for name, layer in TORCHVISION.items()
        if f"{name}.weight" in names and f"{name}.bias" in names
    }
    used = {names[f"{name}.{kind}"][0] for name, layer in TORCHVISION.items() if layer in known for kind in KINDS}
    unknown = tuple(name for name in tensors if name not in used)
    layers = _from_channels_first(known, unknown, bgr=False)
    divisor = 255 * float(np.mean(TORCHVISION_STDDEV))
    if "conv1" in layers:
        scale = divisor / (255 * np.array(TORCHVISION_STDDEV))
        kernel = layers["conv1"]["kernel"] * scale[:, np.newaxis]
        layers["conv1"]["kernel"] = kernel.astype(np.float32)
    mean = tuple(255 * value for value in TORCHVISION_MEAN)
    return Weights(source=source, layers=layers, mean=mean, stddev=divisor, unknown=unknown, variants=("owt",))


def _from_channels_first(known: Mapping[str, Sequence[np.ndarray]], unknown: Sequence[str], *, bgr: bool) -> Layers:
    try:
        return from_channels_first(known, bgr=bgr)
    except ValueError as error:  # the name of a layer that is missing is probably among the others
        others = f", and the file also has {_names(unknown)}" if unknown else ""
        raise ValueError(f"{error}{others}") from error


def _of_names(source: str, arrays: Mapping[str, np.ndarray], metadata: str) -> Weights:
    layers: Layers = {}
    unknown = []
    for name, value in arrays.items():
        parts = name.split("/")
        if is_weighted(parts[0]) and len(parts) == 2 and value.dtype.kind in "fV" and value.ndim:
            layers.setdefault(parts[0], {})[parts[1]] = np.asarray(value, np.float32)
        else:
            unknown.append(name)
    try:
        expectations = build(Expectations, parse_json(metadata, f"The metadata of {source}"), named_arrays.METADATA)
    except OptionError as error:
        raise InputError(
            f"{source} has metadata that cannot be used: {_line(str(error))} Write the file again with 'alexnet-keras "
            "weights export'."
        ) from error
    return Weights(
        source=source, layers=join_towers(layers), unknown=tuple(unknown), **dataclasses.asdict(expectations)
    )


READERS: dict[str, tuple[Callable[[Path], Any], Callable[[str, Any], Weights], str]] = {
    "caffe": (caffe.read, _of_caffemodel, "a .caffemodel"),
    "pytorch": (pytorch.read, _of_torchvision, "a PyTorch file"),
    "safetensors": (named_arrays.read_safetensors, _of_arrays, "a .safetensors file"),
    "npz": (named_arrays.read_npz, _of_arrays, "an .npz file of arrays"),
    "npy": (named_arrays.read_npy, _of_caffe_tensorflow, "a dictionary of arrays in an .npy file"),
    "h5": (hdf5.read_h5, _of_arrays, "an HDF5 file"),
}


def missing_layers(weights: Weights, targets: Iterable[Any]) -> tuple[str, ...]:
    """The layers of a model that the weights lack, with towers joined."""
    return tuple(name for name in shapes_of_model(targets) if name not in weights.layers)


def assign(weights: Weights, variant: str, targets: Iterable[Any], *, allow_missing: bool = False) -> None:
    """Assign weights to a model; if they do not fit, the model is left unchanged.

    Args:
        variant: the variant of the model. Only names in `ARCHITECTURES` are compared.
    """
    if variant in ARCHITECTURES and variant not in weights.variants and {*weights.variants} & {*ARCHITECTURES}:
        fitting = " or ".join(weights.variants)
        raise InputError(f"{weights.source} is for `variant` {fitting}, got {variant}; pass {fitting}.")
    targets = [layer for layer in targets if layer.weights]
    expected = shapes_of_model(targets)
    missing = missing_layers(weights, targets)
    known = [name for name in weights.layers if is_weighted(name) and name not in CLASSIFIER]
    foreign = [name for name in known if name not in expected]
    if foreign:
        raise InputError(f"{weights.source} has {_names(foreign)}, which the model lacks; choose another `variant`.")
    if missing and not allow_missing:
        others = f" and has the unknown {_names(weights.unknown)}" if weights.unknown else ""
        raise InputError(
            f"{weights.source} lacks {_names(missing)}{others}; pass `allow_missing=True` for initial weights there."
        )
    for name, shapes in expected.items():
        given = {key: value.shape for key, value in weights.layers.get(name, {}).items()}
        if name in weights.layers and given != shapes:
            key = next(key for key in (*shapes, *given) if given.get(key) != shapes.get(key))
            raise InputError(
                f"{weights.source} has {name}/{key} of shape {given.get(key)}, the model needs {shapes.get(key)}; "
                "choose the variant, width, classes and input size that the file was written for."
            )
    into_model(weights.layers, targets)


def export(path: Path, weights: Weights) -> None:
    """Write weights as `conv1/kernel`, `conv1/bias`, ... and their `Expectations` to an .npz or .safetensors file."""
    arrays = {f"{name}/{key}": value for name, values in weights.layers.items() for key, value in values.items()}
    named_arrays.write(
        path, arrays, {field.name: getattr(weights, field.name) for field in dataclasses.fields(Expectations)}
    )


def _names(names: Iterable[str]) -> str:
    return listed([_line(name, 40) for name in names], 8)


def _line(text: str, length: int = 200) -> str:
    """Text from a file in one short line."""
    return shorten(printable(" ".join(text.split())), length)
