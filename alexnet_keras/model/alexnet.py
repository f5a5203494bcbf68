"""AlexNet, top to bottom as in figure 2 of the paper."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.config.architecture import BIASED, GAUSSIANS, SCALED, STDDEV, Architecture
from alexnet_keras.config.training import IMAGENET_MEAN
from alexnet_keras.config.variants import architecture
from alexnet_keras.model.layers import MeanSubtraction, Predictions, TowerChannels, batch_normalization
from alexnet_keras.model.loading import read_weights
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization
from alexnet_keras.model.space_to_depth import SpaceToDepthConv2D
from alexnet_keras.system.errors import OptionError
from alexnet_keras.weights.trained_weights import Weights, assign, missing_layers

PIXEL_STDDEV = 64.0  # of photographs, on 0..255

Tensors = list[Any]  # one tensor a tower, or a single one with the maps of all towers


def AlexNet(
    variant: str | Architecture = "paper",
    *,
    classes: int = 1000,
    include_top: bool = True,
    weights: str | Path | Weights | None = None,
    allow_missing: bool = False,
    input_shape: tuple[int, int, int] | None = None,
    classifier_activation: str | None = "softmax",
    mean: Sequence[float] = IMAGENET_MEAN,
    class_names: Sequence[str] | None = None,
    dtype: Any = None,
    **changes: Any,
) -> keras.Model:
    """AlexNet (Krizhevsky, Sutskever and Hinton 2012) as a Keras functional model.

    Args:
        variant: a name in `architecture.ARCHITECTURES`, such as `"paper"`, or an `Architecture`.
        classes: number of classes of the classifier.
        include_top: whether the three fully connected layers are there.
        weights: trained weights: a `.keras` file, or any that `weights.read` takes, such as Caffe's `.caffemodel` or
            torchvision's `.pth`; `None` for the initializer's weights. The mean colour that they expect comes with
            them, where the file has it.
        allow_missing: whether layers that the file lacks keep the initializer's weights.
        input_shape: `(H, W, 3)`, each side at least 67 (`original` 64, `owt` 63); `None` for the variant's own. The
            paper says 224, its arithmetic needs 227.
        classifier_activation: `"softmax"`, or `None` for logits.
        mean: mean colour of the training set, RGB in 0..255, subtracted inside the model.
        class_names: one name a class; `predict` and the exports show them.
        dtype: a Keras dtype policy, such as `"mixed_bfloat16"`; `None` for the global one.
        **changes: fields of `Architecture` with other values than the variant's: `initializer="he_normal"` (choose it
            for small data), `activation="tanh"`, `pool_size=2`, `lrn_layers=()`.

    Returns:
        A model from raw RGB `(B, H, W, 3)`, 0..255, any dtype, to `(B, classes)` float32; without top, to the last
        pooling layer's `(B, h, w, 256)`.

    Raises:
        OptionError: an argument is out of its range.
        InputError: `weights` is damaged, lacks layers, or is for another variant or of other shapes; then nothing of it
            is loaded.
    """
    spec = architecture(variant, **changes)
    shape = (spec.input_size, spec.input_size, 3) if input_shape is None else input_shape
    _check_arguments(spec, classes, include_top, shape, class_names)
    # Rules that scale weights by their number presume inputs of variance 1. The paper divides by nothing.
    stddev = PIXEL_STDDEV if spec.initializer in SCALED else 1.0
    trained = read_weights(weights) if isinstance(weights, str | Path) else weights
    if trained is not None:  # what the weights have learnt to expect
        mean, stddev = trained.mean or mean, trained.stddev or stddev

    def per_tower(name: str, make: Callable[..., keras.layers.Layer], x: Tensors) -> Tensors:
        """One layer a tower, named as in the 2012 code: conv1a and conv1b."""
        names = [name] if len(x) == 1 else [f"{name}a", f"{name}b"]
        return [make(name=name, dtype=dtype)(tensor) for name, tensor in zip(names, x, strict=True)]

    def join(name: str, x: Tensors) -> Tensors:
        """All maps of both towers: where the GPUs of the paper talk."""
        return x if len(x) == 1 else [keras.layers.Concatenate(name=name, dtype=dtype)(x)]

    def meet(name: str, x: Tensors) -> Tensors:
        return join(name, x) if spec.towers_meet else x

    def part(number: int, x: Tensors) -> Tensors:
        """Each tower's own maps, where a normalization across towers has joined them."""
        if len(x) == spec.towers:
            return x
        return [
            TowerChannels(tower, name=f"maps{number}{'ab'[tower]}", dtype=dtype)(x[0]) for tower in range(spec.towers)
        ]

    def conv(number: int, size: int, x: Tensors, **options: Any) -> Tensors:
        """A convolution in each tower, from what that tower sees, and what follows it."""
        x = x * spec.towers if len(x) == 1 else x
        inputs = size * size * x[0].shape[-1]
        first, *others = spec.stages[number - 1]
        if first == "activation":
            options["activation"] = spec.activation
        else:
            others = [first, *others]
        kind = SpaceToDepthConv2D if "strides" in options else keras.layers.Conv2D

        def make(**kwargs: Any) -> keras.layers.Layer:
            filters = spec.filters[number - 1] // spec.towers
            return kind(filters, size, **_initial(spec, f"conv{number}", inputs), **options, **kwargs)

        x = per_tower(f"conv{number}", make, x)
        for step in others:
            x = follow(step, number, x)
        return x

    def follow(step: str, number: int, x: Tensors) -> Tensors:
        match step:
            case "activation":
                return per_tower(f"{spec.activation}{number}", partial(keras.layers.Activation, spec.activation), x)
            case "batch_normalization":
                return per_tower(f"batchnorm{number}", batch_normalization, x)
            case "lrn":
                x = join(f"join{number}", x) if spec.lrn_across_towers else x
                return per_tower(f"norm{number}", partial(_lrn, spec), x)
            case "spatial_lrn":
                return per_tower(f"spatialnorm{number}", SpatialResponseNormalization, x)
            case _:
                return per_tower(f"pool{number}", partial(keras.layers.MaxPooling2D, spec.pool_size, strides=2), x)

    def dense(number: int, x: Tensors) -> Tensors:
        x = x * spec.towers if len(x) == 1 else x
        inputs = x[0].shape[-1]
        options = {} if spec.batch_normalization else {"activation": spec.activation}

        def make(**kwargs: Any) -> keras.layers.Layer:
            units = spec.hidden_units[number - 6] // spec.towers
            return keras.layers.Dense(units, **_initial(spec, f"fc{number}", inputs), **options, **kwargs)

        x = per_tower(f"fc{number}", make, x)
        for step in ("batch_normalization", "activation") if spec.batch_normalization else ():
            x = follow(step, number, x)
        return dropout(f"fc{number}", x)

    def dropout(after: str, x: Tensors) -> Tensors:
        if after not in spec.dropout_layers or not spec.dropout:
            return x
        return per_tower(f"drop{after[-1]}", partial(keras.layers.Dropout, spec.dropout), x)

    images = keras.Input(shape, name="images")
    pixels = MeanSubtraction(mean, stddev, name="mean", dtype=dtype)(images)
    zeros = spec.conv1_zeros(shape[0]), spec.conv1_zeros(shape[1])
    if zeros != ((0, 0), (0, 0)):
        pixels = keras.layers.ZeroPadding2D(zeros, name="pad1", dtype=dtype)(pixels)

    # The sizes are those of the paper's variant, for each tower.
    x = conv(1, 11, [pixels], strides=4)  # (B, 55, 55, 48), pooled to (B, 27, 27, 48)
    x = conv(2, 5, part(1, x), padding="same")  # (B, 27, 27, 128), pooled to (B, 13, 13, 128)
    x = conv(3, 3, meet("join2", x), padding="same")  # (B, 13, 13, 192)
    x = conv(4, 3, part(3, x), padding="same")  # (B, 13, 13, 192)
    x = conv(5, 3, part(4, x), padding="same")  # (B, 13, 13, 128), pooled to (B, 6, 6, 128)
    if not include_top:
        model = keras.Model(images, join("join5", x)[0], name=f"alexnet_{spec.name}")
    else:
        x = meet("join5", x)  # (B, 6, 6, 256)
        x = per_tower("flatten" if len(x) == 1 else "flatten5", keras.layers.Flatten, x)  # (B, 9216)
        x = dense(6, dropout("pool5", x))  # (B, 2048)
        x = dense(7, meet("join6", x))  # (B, 2048)
        (x,) = join("join7", x)  # (B, 4096)
        logits = keras.layers.Dense(classes, name="fc8", dtype=dtype, **_initial(spec, "fc8", x.shape[-1]))(x)
        outputs = Predictions(classifier_activation, class_names, name="predictions", dtype=dtype)(logits)
        model = keras.Model(images, outputs, name=f"alexnet_{spec.name}")
    if trained is not None:
        assign(trained, spec.name, model.layers, allow_missing=allow_missing)
    return model


def _lrn(spec: Architecture, **kwargs: Any) -> keras.layers.Layer:
    return LocalResponseNormalization(
        size=spec.lrn_size,
        k=spec.lrn_k,
        alpha=spec.lrn_alpha,
        beta=spec.lrn_beta,
        divide_alpha_by_size=spec.lrn_divide_alpha_by_size,
        **kwargs,
    )


def _initial(spec: Architecture, name: str, inputs: int) -> dict[str, Any]:
    """Initializers of a layer whose units see `inputs` numbers each."""
    initializers = keras.initializers
    if spec.initializer == "torchvision":  # PyTorch's default for both: uniform within 1 / sqrt(inputs)
        limit = inputs**-0.5
        return {key: initializers.RandomUniform(-limit, limit) for key in ("kernel_initializer", "bias_initializer")}
    gaussian = GAUSSIANS.get(spec.initializer)
    if gaussian is not None:
        stddev = gaussian.stddevs.get(name, STDDEV)
        bias = gaussian.bias if name in BIASED else 0.0
        return {
            "kernel_initializer": initializers.RandomNormal(stddev=stddev),
            "bias_initializer": initializers.Constant(bias),
        }
    if name == "fc8":  # no ReLU follows it: it keeps the paper's small weights
        return {"kernel_initializer": initializers.RandomNormal(stddev=STDDEV)}
    scaled = initializers.HeNormal if spec.initializer == "he_normal" else initializers.GlorotUniform
    return {"kernel_initializer": scaled()}


def _check_arguments(
    spec: Architecture, classes: int, include_top: bool, input_shape: Sequence[int], class_names: Sequence[str] | None
) -> None:
    if len(input_shape) != 3 or input_shape[2] != 3:
        raise OptionError(f"input_shape must be (height, width, 3), raw RGB, got {tuple(input_shape)}.")
    if None in input_shape:
        raise OptionError(f"input_shape must be numbers, the height and width too, got {tuple(input_shape)}.")
    smallest = spec.smallest_input
    if min(input_shape[:2]) < smallest:
        raise OptionError(
            f"input_shape {tuple(input_shape)} is too small for AlexNet's strides and pools; "
            f"the smallest that works is ({smallest}, {smallest}, 3)."
        )
    if include_top and classes < 1:
        raise OptionError(f"classes must be at least 1, got {classes}.")
    if include_top and class_names is not None and len(class_names) != classes:
        raise OptionError(f"class_names has {len(class_names)} names for classes={classes}; give one a class.")


def from_weights(
    trained: Weights,
    variant: str | Architecture,
    *,
    allow_missing: bool = False,
    class_names: Sequence[str] | None = None,
) -> tuple[keras.Model, tuple[str, ...]]:
    """A model of a variant around trained weights, with as many classes as they have.

    Args:
        trained: the weights.
        variant: as for `AlexNet`.
        allow_missing: whether layers that the weights lack get the initializer's.
        class_names: for weights that have none, if they are as many as the classes.

    Returns:
        The model, and the names of the layers that the weights lack.

    Raises:
        InputError: they lack layers, or are for another variant.
    """
    fc8 = trained.layers.get("fc8", {})
    classes = len(fc8["bias"]) if "bias" in fc8 else 1000
    names = next((each for each in (trained.class_names, class_names) if each and len(each) == classes), None)
    options: dict[str, Any] = {"classes": classes, "class_names": names, "weights": trained}
    model = AlexNet(variant, allow_missing=allow_missing, **options)
    return model, missing_layers(trained, model.layers)
