"""AlexNet, top to bottom as in figure 2 of the paper."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.architecture import Architecture, architecture
from alexnet_keras.config import IMAGENET_MEAN
from alexnet_keras.errors import InputError, OptionError
from alexnet_keras.layers import LocalResponseNormalization, MeanSubtraction, Predictions, SpaceToDepthConv2D

SMALLEST_INPUT = 67  # 67 -> conv1 15 -> pool1 7 -> pool2 3 -> pool5 1
INITIAL_STDDEV = 0.01  # section 5
PIXEL_STDDEV = 64.0  # of photographs, on 0..255
BIASES_OF_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")  # section 5: positive inputs for the ReLUs from the start

Tensors = list[Any]  # one tensor a tower


def AlexNet(
    variant: str | Architecture = "paper",
    *,
    classes: int = 1000,
    include_top: bool = True,
    weights: str | Path | None = None,
    input_shape: tuple[int, int, int] = (227, 227, 3),
    classifier_activation: str | None = "softmax",
    initializer: str | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    class_names: Sequence[str] | None = None,
    dtype: Any = None,
) -> keras.Model:
    """AlexNet (Krizhevsky, Sutskever and Hinton 2012) as a Keras functional model.

    Args:
        variant: `"paper"` (two towers), `"one_tower"`, or an `Architecture`.
        classes: number of classes of the classifier.
        include_top: whether the three fully connected layers are there.
        weights: a `.keras` file that holds a model of the same variant, or `None` for the initializer's weights. The
            file's mean colour comes with them.
        input_shape: `(H, W, 3)`, each side at least 67. The paper says 224, its arithmetic needs 227.
        classifier_activation: `"softmax"`, or `None` for logits.
        initializer: `"paper"` or `"he_normal"`; `None` for the variant's own. Choose `"he_normal"` for small data.
        mean: mean colour of the training set, RGB in 0..255, subtracted inside the model.
        class_names: one name a class; `predict` and the exports show them.
        dtype: a Keras dtype policy, such as `"mixed_bfloat16"`; `None` for the global one.

    Returns:
        A model from raw RGB `(B, H, W, 3)`, 0..255, any dtype, to `(B, classes)` float32; without top, to the last
        pooling layer's `(B, h, w, 256)`.

    Raises:
        OptionError: an argument is out of its range.
        InputError: `weights` is no model, or of another shape.
    """
    spec = architecture(variant)
    if initializer is not None:
        spec = dataclasses.replace(spec, initializer=initializer)
    _check_arguments(classes, include_top, input_shape, class_names)
    # He's rule presumes inputs of variance 1. The paper divides by nothing.
    stddev = PIXEL_STDDEV if spec.initializer == "he_normal" else 1.0
    trained = None if weights is None else load_model(weights)
    if trained is not None:  # what the weights have learnt to expect
        mean, stddev = trained.get_layer("mean").mean, trained.get_layer("mean").stddev

    towers = range(spec.towers)
    norm = {
        key.removeprefix("lrn_"): value for key, value in dataclasses.asdict(spec).items() if key.startswith("lrn_")
    }

    def per_tower(name: str, make: Callable[..., keras.layers.Layer], x: Tensors) -> Tensors:
        """One layer a tower, named as in the 2012 code: conv1a and conv1b."""
        names = [name] if spec.towers == 1 else [f"{name}a", f"{name}b"]
        return [make(name=names[tower], dtype=dtype)(x[tower]) for tower in towers]

    def conv(name: str, filters: int, size: int, x: Tensors, **options: Any) -> Tensors:
        def make(**kwargs: Any) -> keras.layers.Layer:
            convolution = SpaceToDepthConv2D if options.get("strides") else keras.layers.Conv2D
            return convolution(
                filters // spec.towers, size, activation="relu", **_initial(spec, name), **options, **kwargs
            )

        return per_tower(name, make, x)

    def lrn(name: str, x: Tensors) -> Tensors:
        return per_tower(name, lambda **kwargs: LocalResponseNormalization(**norm, **kwargs), x)

    def max_pool(name: str, x: Tensors) -> Tensors:  # section 3.4: windows of 3 overlap at a stride of 2
        return per_tower(name, lambda **kwargs: keras.layers.MaxPooling2D(3, strides=2, **kwargs), x)

    def dense(name: str, units: int, x: Tensors) -> Tensors:
        def make(**kwargs: Any) -> keras.layers.Layer:
            return keras.layers.Dense(units // spec.towers, activation="relu", **_initial(spec, name), **kwargs)

        return per_tower(name, make, x)

    def dropout(name: str, x: Tensors) -> Tensors:
        return per_tower(name, lambda **kwargs: keras.layers.Dropout(spec.dropout, **kwargs), x)

    def join(name: str, x: Tensors) -> Any:
        """All maps of both towers: where the GPUs of the paper talk."""
        return x[0] if spec.towers == 1 else keras.layers.Concatenate(name=name, dtype=dtype)(x)

    def both(x: Any) -> Tensors:
        return [x for _ in towers]

    images = keras.Input(input_shape, name="images")
    pixels = MeanSubtraction(mean, stddev, name="mean", dtype=dtype)(images)

    x = conv("conv1", spec.filters[0], 11, both(pixels), strides=4)  # (B, 55, 55, 48) a tower
    x = lrn("norm1", x)
    x = max_pool("pool1", x)  # (B, 27, 27, 48)
    x = conv("conv2", spec.filters[1], 5, x, padding="same")  # (B, 27, 27, 128)
    x = lrn("norm2", x)
    x = max_pool("pool2", x)  # (B, 13, 13, 128)
    x = conv("conv3", spec.filters[2], 3, both(join("join2", x)), padding="same")  # (B, 13, 13, 192)
    x = conv("conv4", spec.filters[3], 3, x, padding="same")  # (B, 13, 13, 192)
    x = conv("conv5", spec.filters[4], 3, x, padding="same")  # (B, 13, 13, 128)
    x = max_pool("pool5", x)  # (B, 6, 6, 128)
    features = join("join5", x)  # (B, 6, 6, 256)
    if not include_top:
        model = keras.Model(images, features, name=f"alexnet_{spec.name}")
    else:
        flat = keras.layers.Flatten(name="flatten", dtype=dtype)(features)  # (B, 9216)
        x = dense("fc6", spec.hidden_units[0], both(flat))  # (B, 2048) a tower
        x = dropout("drop6", x)
        x = dense("fc7", spec.hidden_units[1], both(join("join6", x)))  # (B, 2048)
        x = dropout("drop7", x)
        logits = keras.layers.Dense(classes, name="fc8", dtype=dtype, **_initial(spec, "fc8"))(join("join7", x))
        outputs = Predictions(classifier_activation, class_names, name="predictions", dtype=dtype)(logits)
        model = keras.Model(images, outputs, name=f"alexnet_{spec.name}")
    if trained is not None:
        _copy_weights(trained, model, Path(str(weights)))
    return model


def _initial(spec: Architecture, name: str) -> dict[str, Any]:
    if spec.initializer == "he_normal" and name != "fc8":  # no ReLU follows fc8: it keeps the paper's small weights
        return {"kernel_initializer": keras.initializers.HeNormal()}
    biases = "ones" if spec.initializer == "paper" and name in BIASES_OF_ONE else "zeros"
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=INITIAL_STDDEV), "bias_initializer": biases}


def _check_arguments(
    classes: int, include_top: bool, input_shape: Sequence[int], class_names: Sequence[str] | None
) -> None:
    if len(input_shape) != 3 or input_shape[2] != 3:
        raise OptionError(f"input_shape must be (height, width, 3), raw RGB, got {tuple(input_shape)}.")
    if None in input_shape:
        raise OptionError(f"input_shape must be numbers, the height and width too, got {tuple(input_shape)}.")
    if min(input_shape[:2]) < SMALLEST_INPUT:
        raise OptionError(
            f"input_shape {tuple(input_shape)} is too small for AlexNet's strides and pools; "
            f"the smallest that works is ({SMALLEST_INPUT}, {SMALLEST_INPUT}, 3)."
        )
    if include_top and classes < 1:
        raise OptionError(f"classes must be at least 1, got {classes}.")
    if include_top and class_names is not None and len(class_names) != classes:
        raise OptionError(f"class_names has {len(class_names)} names for classes={classes}; give one a class.")


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


def _copy_weights(source: keras.Model, target: keras.Model, path: Path) -> None:
    """Copy weights by the names of the layers, all or none."""
    pairs = []
    for layer in target.layers:
        if not layer.weights:
            continue
        try:
            given = source.get_layer(layer.name).get_weights()
        except ValueError as error:
            raise InputError(f"{path} has no layer {layer.name!r}; it holds the variant {source.name!r}.") from error
        shapes = [tuple(weight.shape) for weight in layer.weights], [weight.shape for weight in given]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"{path} has {layer.name!r} with shapes {shapes[1]}, the model asked for {shapes[0]}; "
                "ask for the same variant, classes and input_shape, or for include_top=False."
            )
        pairs.append((layer, given))
    for layer, given in pairs:
        layer.set_weights(given)
