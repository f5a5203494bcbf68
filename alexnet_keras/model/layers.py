"""The layers that Keras lacks: response normalization, mean subtraction, named class probabilities."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from alexnet_keras.model.response_normalization import Formula, normalize, normalize_compiled


class _ResponseNormalization(keras.layers.Layer):
    """What the two normalizations below have in common."""

    def __init__(self, size: int, k: float, alpha: float, beta: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size must be an odd number, such as 5, got {size!r}.")
        if k <= 0 or beta <= 0 or alpha < 0:
            raise ValueError(f"k and beta must be positive and alpha not negative, got {k=}, {beta=}, {alpha=}.")
        self.size = size
        self.k = k
        self.alpha = alpha
        self.beta = beta

    @property
    def formula(self) -> Formula:
        raise NotImplementedError

    def build(self, input_shape: Sequence[int | None]) -> None:
        if input_shape[-1] is None:
            raise ValueError(f"{self.name} needs a known number of channels, got the input shape {input_shape}.")
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        # Compiled pieces speed up training, and have no place in an export.
        if training and keras.backend.backend() == "tensorflow":
            return normalize_compiled(inputs, self.formula)
        return ops.cast(normalize(ops.cast(inputs, "float32"), self.formula), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable(package="alexnet_keras")
class LocalResponseNormalization(_ResponseNormalization):
    """Divide each activity by the energy of its neighbouring maps (section 3.3 of the paper).

    `b_i = a_i / (k + scale * sum_j a_j ** 2) ** beta`, with `j` over the `size` maps centred on map `i`, as many of
    them as exist. `scale` is `alpha`, as the paper's formula has it, or `alpha / size`, as the 2012 source code, Caffe,
    ONNX and PyTorch compute it. `tf.nn.local_response_normalization` does not divide, and takes a half width.

    Args:
        size: width of the window in maps, odd; the paper's n.
        k: additive constant, positive.
        alpha: weight of the energy, not negative.
        beta: exponent, positive.
        divide_alpha_by_size: whether `scale` is `alpha / size`.

    Input and output: `(..., channels)` floating point. The energy and the power are computed in float32 whatever the
    compute dtype, since squares overflow in float16 and lose the window's sum in bfloat16.

    Raises:
        ValueError: `size` is not odd and positive, `k` or `beta` is not positive, or `alpha` is negative.
    """

    def __init__(
        self,
        size: int = 5,
        k: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        divide_alpha_by_size: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(size, k, alpha, beta, **kwargs)
        self.divide_alpha_by_size = divide_alpha_by_size

    @property
    def formula(self) -> Formula:
        return Formula(
            self.size, self.k, self.alpha / self.size if self.divide_alpha_by_size else self.alpha, self.beta
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "divide_alpha_by_size": self.divide_alpha_by_size}


@keras.saving.register_keras_serializable(package="alexnet_keras")
class SpatialResponseNormalization(_ResponseNormalization):
    """Divide each activity by the energy around its place in its own map: `rnorm` of the 2012 source code.

    `b = a / (k + alpha / size ** 2 * sum a ** 2) ** beta`, the sum over the `size` x `size` places centred on this one,
    as many of them as exist. The paper does not mention it; layer 2 of `layers-145.cfg` has it (`cnorm2a`), with
    `scale=0.001`, which `layer.py` divides by 25, and `pow=0.75`. `k` is 1: only the normalization across maps is
    given a `minDiv`, 2 in the configuration and 1 in `layer.py` where that is silent. The call of this one
    (`convResponseNorm` in `src/layer.cu`) has no such argument: its constant is that of before there was a choice.

    Args:
        size: rows and columns of the window, odd.
        k: additive constant, positive.
        alpha: weight of the energy, not negative.
        beta: exponent, positive.

    Input and output: `(B, H, W, channels)` floating point; float32 inside.

    Raises:
        ValueError: as `LocalResponseNormalization`.
    """

    def __init__(self, size: int = 5, k: float = 1.0, alpha: float = 1e-3, beta: float = 0.75, **kwargs: Any) -> None:
        super().__init__(size, k, alpha, beta, **kwargs)

    @property
    def formula(self) -> Formula:
        return Formula(self.size, self.k, self.alpha / self.size**2, self.beta, spatial=True)


@keras.saving.register_keras_serializable(package="alexnet_keras")
class TowerMaps(keras.layers.Layer):
    """The maps of one of two towers, out of those of both side by side.

    Args:
        tower: 0 or 1.

    Input: `(..., channels)`, an even number of them. Output: `(..., channels / 2)`.
    """

    def __init__(self, tower: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tower = tower

    def call(self, inputs: Any) -> Any:
        half = inputs.shape[-1] // 2
        return inputs[..., self.tower * half : (self.tower + 1) * half]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tower": self.tower}


def batch_normalization(**kwargs: Any) -> keras.layers.Layer:
    """Batch normalization as in cvjena's AlexNet: Caffe's `BatchNorm`, which neither scales nor shifts afterwards."""
    return keras.layers.BatchNormalization(
        momentum=0.9,  # moving_average_fraction in its train.prototxt
        epsilon=1e-5,  # eps of Caffe's BatchNormParameter
        center=False,
        scale=False,
        **kwargs,
    )


@keras.saving.register_keras_serializable(package="alexnet_keras")
class SpaceToDepthConv2D(keras.layers.Conv2D):
    """A strided convolution of few channels, computed as a dense one of many; same weights, same result.

    Blocks of `stride x stride` pixels become channels and the kernel is cut into the same blocks, so that conv1's
    11x11x3 at a stride of 4 is a 3x3x48 at a stride of 1. The kernel is padded with zeros to a multiple of the stride
    (11 to 12), which costs (12 / 11) ** 2 = 1.19 times the multiply-adds and saves far more: 3 channels leave most of
    a vector register empty.

    Arguments and weights of `keras.layers.Conv2D`; one stride for both sides, padding `"valid"`, channels last.

    Raises:
        ValueError: the strides differ, or padding, dilation, groups or data format are not as above.
    """

    def __init__(self, filters: int, kernel_size: Any, strides: Any = 1, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, strides=strides, **kwargs)
        unsupported = {
            "strides": self.strides[0] != self.strides[1] and self.strides,
            "padding": self.padding != "valid" and self.padding,
            "dilation_rate": self.dilation_rate != (1, 1) and self.dilation_rate,
            "groups": self.groups != 1 and self.groups,
            "data_format": self.data_format != "channels_last" and self.data_format,
        }
        for name, value in unsupported.items():
            if value:
                raise ValueError(f"{type(self).__name__} cannot compute {name}={value!r}; use keras.layers.Conv2D.")

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        stride = self.strides[0]
        _, height, width, channels = inputs.shape
        # Rows and columns that the last window reads, and zeros up to whole blocks.
        blocks = [-(-size // stride) for size in self.kernel_size]
        steps = [(side - size) // stride for side, size in zip((height, width), self.kernel_size, strict=True)]
        sides = [stride * (step + block) for step, block in zip(steps, blocks, strict=True)]
        images = inputs[:, : sides[0], : sides[1]]
        images = ops.pad(images, [[0, 0], [0, max(0, sides[0] - height)], [0, max(0, sides[1] - width)], [0, 0]])
        images = _to_depth(images, stride)
        rows, columns = (stride * block - size for block, size in zip(blocks, self.kernel_size, strict=True))
        kernel = ops.pad(kernel, [[0, rows], [0, columns], [0, 0], [0, 0]])
        kernel = ops.reshape(kernel, (blocks[0], stride, blocks[1], stride, channels, self.filters))
        kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
        kernel = ops.reshape(kernel, (*blocks, stride * stride * channels, self.filters))
        return ops.conv(images, kernel, strides=1, padding="valid", data_format="channels_last")


def _to_depth(images: Any, block: int) -> Any:
    """`(B, H, W, C)` to `(B, H / block, W / block, block * block * C)`."""
    _, height, width, channels = images.shape
    images = ops.reshape(
        images, (-1, height // block, block, width // block, block * channels)
    )  # a row's pixels adjoin
    images = ops.transpose(images, (0, 1, 3, 2, 4))
    return ops.reshape(images, (-1, height // block, width // block, block * block * channels))


@keras.saving.register_keras_serializable(package="alexnet_keras")
class MeanSubtraction(keras.layers.Layer):
    """Centre raw RGB on the mean colour of the training set, the only normalization of section 2.

    Args:
        mean: red, green and blue in 0..255. A part of the configuration, not a weight: it is measured before training
            and never changes, and the paper's count of parameters has no room for it.
        stddev: what the difference is divided by; 1 in the paper.

    Input: `(B, H, W, 3)`, any dtype, 0..255. Output: the same shape in the compute dtype. The difference is taken in
    float32, so that half precision rounds small numbers and not large ones.

    Raises:
        ValueError: `mean` is not three numbers in 0..255, or `stddev` is not positive.
    """

    def __init__(self, mean: Sequence[float], stddev: float = 1.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if stddev <= 0:
            raise ValueError(f"stddev must be positive, got {stddev}.")
        self.stddev = float(stddev)
        self.mean = tuple(float(value) for value in mean)
        if len(self.mean) != 3 or not all(0 <= value <= 255 for value in self.mean):
            raise ValueError(f"mean must be red, green and blue in 0..255, got {self.mean}.")

    def call(self, inputs: Any) -> Any:
        mean = ops.convert_to_tensor(self.mean, dtype="float32")
        return ops.cast((ops.cast(inputs, "float32") - mean) / self.stddev, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@keras.saving.register_keras_serializable(package="alexnet_keras")
class Predictions(keras.layers.Layer):
    """The classifier's activation, in float32, with the names of its classes.

    The names are a part of the layer's configuration, so that one `.keras` file says what its outputs mean.

    Args:
        activation: a Keras activation, `"softmax"` for probabilities or `None` for logits.
        class_names: one name an output, in order, or `None`.

    Input: `(B, classes)`. Output: `(B, classes)` float32.
    """

    def __init__(self, activation: Any = "softmax", class_names: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.class_names = None if class_names is None else tuple(class_names)

    def call(self, inputs: Any) -> Any:
        return self.activation(ops.cast(inputs, "float32"))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(inputs.shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "class_names": self.class_names,
        }
