"""AlexNet: Figure 2 of Krizhevsky, Sutskever and Hinton (2012), and its variants.

Read the file from top to bottom. `AlexNet` builds the model. `_convolutional_layers` and `_fully_connected_layers` list
the layers of the figure, and the methods of `_Towers` add them. All variants have the same list of layers. A variant
changes numbers, which are data in an `Architecture`, and the methods of `_Towers` depend on these numbers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.config import pretrained
from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.layer_names import in_tower, number_of
from alexnet_keras.config.training import IMAGENET_MEAN
from alexnet_keras.config.variants import MODEL_PREFIX, architecture
from alexnet_keras.model import archive
from alexnet_keras.model.initializers import initializers, pixel_stddev
from alexnet_keras.model.layers import MeanSubtraction, Predictions, TowerChannels, batch_normalization
from alexnet_keras.model.loading import read_weights, weights_of
from alexnet_keras.model.pixel_check import watch_pixels
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization
from alexnet_keras.model.space_to_depth import SpaceToDepthConv2D
from alexnet_keras.system.errors import OptionError
from alexnet_keras.weights.trained_weights import Weights, assign

CHANNELS_LAST = "channels_last"  # named for each layer, because Keras's global setting may be another
POOLINGS = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}


def AlexNet(
    variant: str | Architecture = "paper",
    *,
    classes: int | None = None,
    include_top: bool = True,
    weights: str | Path | Weights | None = None,
    allow_missing: bool = False,
    input_tensor: Any = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    mean: Sequence[float] = IMAGENET_MEAN,
    class_names: Sequence[str] | None = None,
    dtype: Any = None,
    name: str | None = None,
    **changes: Any,
) -> keras.Model:
    """Build AlexNet (Krizhevsky, Sutskever and Hinton 2012) as a Keras functional model.

    Args:
        variant: `"original"`, `"paper"`, `"caffe"`, `"caffenet"`, `"one_tower"`, `"owt"`, `"batchnorm"`, or an
            `Architecture`. The command `alexnet-keras info --variants` compares them.
        classes: number of classes; `None` for those of `weights`, or otherwise 1,000.
        include_top: whether to include the three fully connected layers.
        weights: a file of trained weights (of Caffe, torchvision, safetensors, NumPy or Keras; the page
            docs/how_to/trained_weights.md has all formats), a `Weights` object in memory, or `None` for random initial
            weights. If the weights contain the mean color of their training data, it replaces `mean`; their class names
            and their width are used unless you pass others. `"imagenette"` is the trained network in the package, of
            the recipe `small`. `"imagenet"` raises an error that says where to download weights.
        allow_missing: whether layers that `weights` lacks keep their random initial weights; otherwise a missing layer
            is an error.
        input_tensor: the output of Keras layers that the network takes as images, such as `keras.Input((227, 227, 3))`,
            instead of an input of its own.
        input_shape: `(height, width, 3)`, with a height and a width of at least 67 pixels (64 for `original`, 63 for
            `owt`); `None` for the input size of the variant. The paper says 224, but its layer sizes need 227. Without
            the top, height and width may be `None` for images of any size. Images are channels last, whatever
            `keras.config.image_data_format()` is.
        pooling: `"avg"` or `"max"` for one vector `(B, 256)` for each image, without the top; `None` for feature maps.
        classifier_activation: `"softmax"` for probabilities, or `None` for logits.
        mean: mean color of the training set, RGB from 0 to 255, which the model subtracts. The default is the mean
            color of ImageNet.
        class_names: one name for each class, which predictions and exported files show.
        dtype: a Keras dtype policy, such as `"mixed_bfloat16"`; `None` for the global policy.
        name: the name of the model; `None` for `alexnet_` and the variant.
        **changes: fields of `Architecture` that differ from the variant, such as `initializer="he_normal"` (recommended
            for small data sets), `width=0.25` (a quarter of the channels and units), `activation="tanh"` or
            `lrn_layers=()`.

    Returns:
        A model that takes raw RGB `(B, height, width, 3)` of any dtype, 0 to 255, and returns `(B, classes)` float32.
        Its methods `fit`, `evaluate` and `predict` warn if the pixels are from 0 to 1.
        Without the top, it returns the output of the last pooling layer, `(B, 6, 6, 256)` in the paper.

    Raises:
        OptionError: an argument is out of its range.
        InputError: `weights` is damaged, lacks layers, or belongs to another variant; no layer is changed then.

    Example::

        model = AlexNet(classes=10, initializer="he_normal")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(images, labels)  # (N, 227, 227, 3) uint8 and (N,) integers
    """
    if isinstance(weights, str) and weights == pretrained.NAME:
        variant = pretrained.ARCHITECTURE if variant == pretrained.ARCHITECTURE.name else variant
        weights = weights_of(archive.read(pretrained.FILE), pretrained.NAME)
    spec = architecture(variant, **changes)
    trained = read_weights(weights) if isinstance(weights, str | Path) else weights
    if trained is not None:
        if isinstance(variant, str) and not changes.keys() & {"width", "filters", "hidden_units"}:
            spec = trained.with_width(spec)
        classes = trained.classes if classes is None else classes
        if class_names is None and classes == trained.classes == len(trained.class_names or ()):
            class_names = trained.class_names
    classes = 1000 if classes is None else classes
    shape = _image_shape(spec, input_shape, input_tensor)
    _check_arguments(spec, classes, include_top, shape, class_names, pooling)
    stddev = pixel_stddev(spec)
    if trained is not None:  # pixels must be as in the training of the weights
        mean, stddev = trained.mean or mean, trained.stddev or stddev

    images = keras.Input(shape, name="images") if input_tensor is None else input_tensor
    net = _Towers(spec, dtype)
    x = net.subtract_mean(images, mean, stddev)
    x = _small_layers(net, x) if spec.small else _convolutional_layers(net, x)
    if include_top:
        logits = _fully_connected_layers(net, x, classes)
        outputs = Predictions(classifier_activation, class_names, name="predictions", dtype=dtype)(logits)
    else:
        outputs = net.concatenate(x, 5)
        if pooling:
            outputs = POOLINGS[pooling](data_format=CHANNELS_LAST, name=f"{pooling}_pool", dtype=dtype)(outputs)
    (source,) = keras.utils.get_source_inputs(images)
    model = keras.Model(source, outputs, name=name or f"{MODEL_PREFIX}{spec.name}")
    if trained is not None:
        assign(trained, spec.name, model.layers, allow_missing=allow_missing)
    return watch_pixels(model)


Tensors = list[Any]  # the input of each tower

# The shapes at the right edge are those of the variant "paper": (B, height, width, channels of both towers).
# `convolve` and `connect` end in ReLU. The method of a layer that the variant does not have returns `x`.
# fmt: off


def _convolutional_layers(net: "_Towers", x: Tensors) -> Tensors:      # (B, 227, 227, 3)
    x = net.convolve(x, 1, kernel=11, strides=4, padding="valid")      # (B, 55, 55, 96)
    x = net.normalize_and_pool(x, 1)                                   # (B, 27, 27, 96)

    x = net.convolve(x, 2, kernel=5)                                   # (B, 27, 27, 256)
    x = net.normalize_and_pool(x, 2)                                   # (B, 13, 13, 256)

    x = net.join_towers(x, 2)                                          # conv3 sees the channels of both towers
    x = net.convolve(x, 3, kernel=3)                                   # (B, 13, 13, 384)
    x = net.normalize(x, 3)                                            # only if `lrn_layers` has 3

    x = net.convolve(x, 4, kernel=3)                                   # (B, 13, 13, 384)
    x = net.normalize(x, 4)                                            # only if `lrn_layers` has 4

    x = net.convolve(x, 5, kernel=3)                                   # (B, 13, 13, 256)
    return net.normalize_and_pool(x, 5)                                # (B, 6, 6, 256)


def _small_layers(net: "_Towers", x: Tensors) -> Tensors:              # (B, 32, 32, 3)
    x = net.convolve(x, 1, kernel=5)                                   # (B, 32, 32, 32)
    x = net.normalize_and_pool(x, 1)                                   # (B, 16, 16, 32)

    x = net.convolve(x, 2, kernel=5)                                   # (B, 16, 16, 32)
    x = net.normalize_and_pool(x, 2)                                   # (B, 8, 8, 32)

    x = net.convolve(x, 3, kernel=5)                                   # (B, 8, 8, 64)
    return net.normalize_and_pool(x, 3)                                # (B, 4, 4, 64)


def _fully_connected_layers(net: "_Towers", x: Tensors, classes: int) -> Any:
    x = net.join_towers(x, 5)
    x = net.flatten(x)                                                 # (B, 9216)
    x = net.drop(x, after="pool5")                                     # only in "owt"
    if net.spec.small:
        return net.classify(x, classes)                                # (B, 10)
    x = net.connect(x, 6)                                              # (B, 4096)
    x = net.drop(x, after="fc6")

    x = net.join_towers(x, 6)
    x = net.connect(x, 7)                                              # (B, 4096)
    x = net.drop(x, after="fc7")

    return net.classify(x, classes)                                    # (B, 1000)
# fmt: on


MakeLayer = Callable[..., keras.layers.Layer]  # takes the name and the dtype of the layer


class _Towers:
    """Methods that add the layers of Figure 2, one layer to each tower, named as in the 2012 code: conv1a, conv1b.

    The argument `x` of the methods is a list with one tensor for each tower. The tensor has the channels of that tower,
    or the channels of both towers after `join_towers`. The argument `number` is the number of a layer in the paper,
    from conv1 to fc8. If the variant does not have a layer, its method returns `x` unchanged.
    """

    def __init__(self, spec: Architecture, dtype: Any) -> None:
        self.spec = spec
        self.dtype = dtype

    def subtract_mean(self, images: Any, mean: Sequence[float], stddev: float) -> Tensors:
        """Subtract the mean color, and pad the image with zeros if the variant does. Every tower sees the image."""
        x = MeanSubtraction(mean, stddev, name="mean", dtype=self.dtype)(images)
        zeros = tuple(self.spec.conv1_zeros(side) for side in images.shape[1:3])
        if zeros != ((0, 0), (0, 0)):
            x = keras.layers.ZeroPadding2D(zeros, CHANNELS_LAST, name="pad1", dtype=self.dtype)(x)
        return [x] * self.spec.towers

    def convolve(self, x: Tensors, number: int, kernel: int, strides: int = 1, padding: str = "same") -> Tensors:
        """Convolve and activate. The 2012 code activates layer 1 later, in `normalize_and_pool`."""
        spec = self.spec
        if len(x) < spec.towers:  # Caffe normalizes across towers, so the channels are split into towers again
            x = [
                TowerChannels(tower, name=in_tower(f"maps{number - 1}", tower), dtype=self.dtype)(x[0])
                for tower in range(spec.towers)
            ]
        kind = SpaceToDepthConv2D if strides > 1 else keras.layers.Conv2D
        make = partial(
            kind,
            spec.channels[number - 1] // spec.towers,
            kernel,
            strides=strides,
            padding=padding,
            data_format=CHANNELS_LAST,
        )
        activate = spec.order != "original" or number != 1
        return self._apply_weights(x, "conv", number, make, kernel * kernel * x[0].shape[-1], activate)

    def normalize_and_pool(self, x: Tensors, number: int) -> Tensors:
        """Normalize and pool, in the order of the variant."""
        match self.spec.order, number:
            case "original", 1:
                x = self.normalize(x, number)
                x = self.pool(x, number)
                x = self.activate(x, number)
            case "original", 2:
                x = self.normalize(x, number)
                x = self.normalize_within_channels(x, number)
                x = self.pool(x, number)
            case "caffenet", _:
                x = self.pool(x, number)
                x = self.normalize(x, number)
            case _:  # the paper
                x = self.normalize(x, number)
                x = self.pool(x, number)
        return x

    def normalize(self, x: Tensors, number: int) -> Tensors:
        """Apply local response normalization (section 3.3) in each tower or, in Caffe's variants, across both."""
        spec = self.spec
        if number not in spec.lrn_layers:
            return x
        if spec.lrn_across_towers:
            x = [self.concatenate(x, number)]
        return self._apply(x, f"norm{number}", partial(LocalResponseNormalization, *spec.lrn_constants))

    def normalize_within_channels(self, x: Tensors, number: int) -> Tensors:
        """Apply the second response normalization of the 2012 code, which the paper does not mention."""
        if number not in self.spec.lrn_layers:
            return x
        return self._apply(x, f"spatialnorm{number}", SpatialResponseNormalization)

    def pool(self, x: Tensors, number: int) -> Tensors:
        """Apply max pooling with a stride of 2; windows of 3 x 3 overlap (section 3.4).

        The small network pads, and averages after conv2 and conv3; padding does not count in averages.
        """
        kind, padding = keras.layers.MaxPooling2D, "valid"
        if self.spec.small:
            kind, padding = keras.layers.AveragePooling2D if number > 1 else kind, "same"
        pool = partial(kind, self.spec.pool_size, strides=2, padding=padding, data_format=CHANNELS_LAST)
        return self._apply(x, f"pool{number}", pool)

    def activate(self, x: Tensors, number: int) -> Tensors:
        """Apply ReLU (section 3.1) or tanh, after batch normalization if the variant has it."""
        if self.spec.batch_normalization:
            x = self._apply(x, f"batchnorm{number}", batch_normalization)
        activation = self.spec.activation
        return self._apply(x, f"{activation}{number}", partial(keras.layers.Activation, activation))

    def join_towers(self, x: Tensors, number: int) -> Tensors:
        """Let each tower see the channels of both: here the two GPUs of the paper communicate (section 3.5)."""
        return [self.concatenate(x, number)] * self.spec.towers if self.spec.towers_meet else x

    def concatenate(self, x: Tensors, number: int) -> Any:
        return x[0] if _is_joined(x) else keras.layers.Concatenate(name=f"join{number}", dtype=self.dtype)(x)

    def flatten(self, x: Tensors) -> Tensors:
        """Turn the feature maps of the last pooling layer into vectors."""
        flatten = partial(keras.layers.Flatten, data_format=CHANNELS_LAST)
        return self._apply(x, "flatten" if _is_joined(x) else "flatten5", flatten)

    def drop(self, x: Tensors, after: str) -> Tensors:
        """Apply dropout to the outputs of the layer `after` (section 4.2)."""
        if after not in self.spec.dropout_layers or not self.spec.dropout:
            return x
        return self._apply(x, f"drop{number_of(after)}", partial(keras.layers.Dropout, self.spec.dropout))

    def connect(self, x: Tensors, number: int) -> Tensors:
        """Apply a fully connected layer and activate."""
        make = partial(keras.layers.Dense, self.spec.units[number - 6] // self.spec.towers)
        return self._apply_weights(x, "fc", number, make, x[0].shape[-1])

    def classify(self, x: Tensors, classes: int) -> Any:
        """Apply fc8, which sees all towers, and return the logits `(B, classes)`."""
        features = self.concatenate(x, 7)
        initial = initializers(self.spec, "fc8", features.shape[-1])
        return keras.layers.Dense(classes, name="fc8", dtype=self.dtype, **initial)(features)

    def _apply_weights(
        self, x: Tensors, kind: str, number: int, make: MakeLayer, inputs: int, activate: bool = True
    ) -> Tensors:
        """Apply a layer with weights, whose units see `inputs` values each, and then the activation."""
        name = f"{kind}{number}"
        fused = {"activation": self.spec.activation} if activate and not self.spec.batch_normalization else {}

        def make_initialized(**names: Any) -> keras.layers.Layer:
            return make(**initializers(self.spec, name, inputs), **fused, **names)

        x = self._apply(x, name, make_initialized, own=True)
        return x if fused or not activate else self.activate(x, number)

    def _apply(self, x: Tensors, name: str, make: MakeLayer, own: bool = False) -> Tensors:
        """Apply a layer to each tower.

        One layer is enough if both towers see the same tensor and `own` is false.
        """
        if len(x) == 1 or (_is_joined(x) and not own):
            return [make(name=name, dtype=self.dtype)(x[0])] * len(x)
        return [make(name=in_tower(name, tower), dtype=self.dtype)(tensor) for tower, tensor in enumerate(x)]


def _is_joined(x: Tensors) -> bool:
    return all(tensor is x[0] for tensor in x)


def _image_shape(spec: Architecture, input_shape: Any, input_tensor: Any) -> tuple[Any, ...]:
    """The shape of an image, which two arguments may give."""
    if input_tensor is None:
        return (spec.input_size, spec.input_size, 3) if input_shape is None else tuple(input_shape)
    if not isinstance(input_tensor, keras.KerasTensor):
        raise OptionError(
            f"`input_tensor` must be an output of Keras layers, got {type(input_tensor).__name__}; "
            "build the model without it and call the model with the tensor."
        )
    shape = tuple(input_tensor.shape[1:])
    if input_shape is not None and tuple(input_shape) != shape:
        raise OptionError(f"`input_shape` {input_shape} is not {shape} as `input_tensor` has; omit `input_shape`.")
    return shape


def _check_arguments(
    spec: Architecture,
    classes: int,
    include_top: bool,
    shape: tuple[Any, ...],
    class_names: Sequence[str] | None,
    pooling: str | None,
) -> None:
    smallest = spec.smallest_input
    if len(shape) != 3 or shape[2] != 3:
        raise OptionError(f"`input_shape` must be (height, width, 3), because the model takes raw RGB, got {shape}.")
    if include_top and None in shape:
        raise OptionError(
            f"`input_shape` {shape} has no height or no width, on which the number of weights of fc6 depends; "
            f"pass numbers, such as ({spec.input_size}, {spec.input_size}, 3), or `include_top=False`."
        )
    if any(side is not None and side < smallest for side in shape[:2]):
        raise OptionError(
            f"`input_shape` {shape} is too small: strides and pooling would leave nothing of it; "
            f"the smallest that works is ({smallest}, {smallest}, 3)."
        )
    if pooling not in (None, *POOLINGS):
        raise OptionError(f"`pooling` must be {', '.join(map(repr, POOLINGS))} or None, got {pooling!r}.")
    if include_top and classes < 1:
        raise OptionError(f"`classes` must be at least 1, got {classes}.")
    if include_top and class_names is not None and len(class_names) != classes:
        raise OptionError(f"`class_names` has {len(class_names)} names for {classes} classes; pass one for each class.")
