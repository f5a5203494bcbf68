"""Response normalization: two layers, and the arithmetic of both and of their gradient.

Both layers compute `b = a * s ** -beta` with `s = k + scale * (sum of a ** 2 over a window)`. The gradient is

    d b[j] / d a[i] = same * s[j] ** -beta - 2 * beta * scale * a[i] * a[j] * s[j] ** (-beta - 1)

if `i` is in the window of `j`, otherwise 0; `same` is 1 if `i = j`, otherwise 0. Windows are symmetric: `j` is in the
window of `i` if `i` is in the window of `j`. Therefore one sum over the window gives the output, and a second one gives
the gradient.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.system.native_stderr import compile_with_xla


class _ResponseNormalization(keras.layers.Layer):
    """The base class of both response normalizations; a subclass has the `formula` that it computes."""

    def __init__(self, size: int, k: float, alpha: float, beta: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"`size` must be an odd number, so that the window has a centre, got {size!r}; pass 5.")
        if k <= 0 or beta <= 0 or alpha < 0:
            raise ValueError(
                f"`k` and `beta` must be positive and `alpha` must not be negative, got {k=}, {beta=}, {alpha=}."
            )
        self.size = size
        self.k = k
        self.alpha = alpha
        self.beta = beta

    @property
    def formula(self) -> Formula:
        raise NotImplementedError

    def build(self, input_shape: Sequence[int | None]) -> None:
        if input_shape[-1] is None:
            raise ValueError(
                f"{self.name} needs a known number of channels, got the input shape {input_shape}; "
                "give the last axis a size."
            )
        super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        # The fused form is faster in training with TensorFlow, but an exported model must not contain it.
        backend = keras.backend.backend()
        if backend == "jax" or (training and backend == "tensorflow"):
            return _fused(self.formula)(inputs)
        normalize = _plain(self.formula, int(inputs.shape[-1]))
        return ops.cast(normalize(ops.cast(inputs, "float32")), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable(package="alexnet_keras")
class LocalResponseNormalization(_ResponseNormalization):
    """Local response normalization across channels (LRN, section 3.3 of the paper).

    At every position, each value is divided by a power of the energy (the sum of the squares) in a window of channels
    around it, so that a strong response inhibits its neighbors::

        b[i] = a[i] / (k + scale * sum(a[j] ** 2)) ** beta        j = i - size // 2, ..., i + size // 2

    At the first and the last channels, the window is cut off. `scale` is not an argument; it depends on `alpha`. There
    are two conventions:

    * `scale = alpha` in the formula of the paper and in `tf.nn.local_response_normalization`.
    * `scale = alpha / size` in the source code of 2012, Caffe, PyTorch and ONNX: pass `divide_alpha_by_size=True`.

    The argument `depth_radius` of `tf.nn.local_response_normalization` is `size // 2`, and `bias` is `k`. Its defaults
    (11 channels, `k` and `alpha` 1, `beta` 0.5) are not those of the paper.

    Args:
        size: number of channels in the window, odd; n in the paper.
        k: constant that is added to the energy, positive.
        alpha: factor of the energy, not negative.
        beta: exponent, positive.
        divide_alpha_by_size: whether `scale` is `alpha / size` instead of `alpha`.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input and output: `(..., channels)`, of the same shape, in the compute dtype of the layer. Sum and power are
    computed in float32, because the square of a value above 255 overflows in float16, and bfloat16 is too coarse for
    the sum.

    Raises:
        ValueError: `size` is not odd and positive, `k` or `beta` is not positive, `alpha` is negative, or the number
            of channels is unknown.

    Example::

        layer = LocalResponseNormalization(size=5, k=2.0, alpha=1e-4, beta=0.75)  # the constants of the paper
        layer(np.ones((1, 55, 55, 96), "float32"))  # 1 / (2 + 5e-4) ** 0.75 = 0.5945 where the window is complete
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
        return Formula.across_channels(self.size, self.k, self.alpha, self.beta, self.divide_alpha_by_size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "divide_alpha_by_size": self.divide_alpha_by_size}


@keras.saving.register_keras_serializable(package="alexnet_keras")
class SpatialResponseNormalization(_ResponseNormalization):
    """Response normalization within each channel: `rnorm` of the source code of 2012.

    Each value is divided by the energy of the `size` x `size` positions around it in its own channel::

        b = a / (k + alpha / size ** 2 * sum(a ** 2)) ** beta

    The sum leaves out positions outside the image. The paper does not mention this layer; `layers-145.cfg` has it in
    layer 2 (`cnorm2a`) with `scale=0.001`, which `layer.py` divides by 25, and `pow=0.75`. `k` is 1, because
    `convResponseNorm` in `src/layer.cu`, unlike the normalization across channels, does not take the `minDiv` (2 in
    the configuration) that would change it.

    Args:
        size: rows and columns of the window, odd.
        k: constant that is added to the energy, positive.
        alpha: factor of the energy, not negative.
        beta: exponent, positive.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input and output: `(B, H, W, channels)` in the compute dtype of the layer; sum and power are computed in float32.

    Raises:
        ValueError: as in `LocalResponseNormalization`.
    """

    def __init__(self, size: int = 5, k: float = 1.0, alpha: float = 1e-3, beta: float = 0.75, **kwargs: Any) -> None:
        super().__init__(size, k, alpha, beta, **kwargs)

    @property
    def formula(self) -> Formula:
        return Formula.within_channels(self.size, self.k, self.alpha, self.beta)


def window_weights(formula: Formula, channels: int) -> np.ndarray:
    """The weights with which a linear operator computes `scale * sum` over the window of squares.

    Returns:
        Across channels, a band matrix `(channels, channels)` float32 that multiplies the squares: `scale` where one
        channel is in the window of the other. If `spatial`, the kernel `(size, size, channels, 1)` float32 of a
        depthwise convolution.
    """
    if formula.spatial:
        return np.full((formula.size, formula.size, channels, 1), formula.scale, "float32")
    index = np.arange(channels)
    return (formula.scale * (np.abs(index[:, None] - index) <= formula.size // 2)).astype("float32")


@functools.cache
def _plain(formula: Formula, channels: int) -> Callable[[Any], Any]:
    """Normalization of float32 tensors on any backend.

    The gradient is written out, because on a CPU the gradient of TensorFlow's LRN operator takes as long as all
    convolutions of the network together.
    """
    weights = window_weights(formula, channels)

    def window(x: Any) -> Any:
        if formula.spatial:
            return ops.depthwise_conv(x, weights, padding="same", data_format="channels_last")
        return ops.matmul(x, weights)

    @ops.custom_gradient
    def function(x: Any) -> tuple[Any, Any]:
        power, reciprocal = _powers(formula.k + window(ops.square(x)), formula.beta)
        outputs = x * power

        def gradient(*args: Any, upstream: Any = None) -> Any:
            upstream = args[0] if upstream is None else upstream
            neighbors = window(upstream * outputs * reciprocal)
            return upstream * power - 2 * formula.beta * x * neighbors

        return outputs, gradient

    return function


@functools.cache
def _fused(formula: Formula) -> Callable[[Any], Any]:
    """Normalization of tensors of any floating point dtype, float32 inside, for the compiler XLA.

    XLA reads and writes the tensor once instead of once for each operator: a training step of the paper's network with
    128 images on two CPU cores takes 9 to 12% less time in bfloat16 and 2 to 3% less in float32. With TensorFlow, XLA
    compiles this function alone, because the convolutions around it are twice as fast by TensorFlow's kernels on a CPU.
    JAX compiles whatever surrounds it, too. The gradient keeps only the inputs in memory and computes the rest again.
    """
    compiled: Callable[..., Any] = _identity
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        compile_with_xla()
        compiled = functools.partial(tf.function, jit_compile=True, autograph=False)

    def window(x: Any) -> Any:
        for axis in (1, 2) if formula.spatial else (len(x.shape) - 1,):
            x = _sum_of_neighbors(x, axis, formula.size)
        return x

    def powers(x: Any) -> tuple[Any, Any]:
        return _powers(formula.k + formula.scale * window(x * x), formula.beta)

    @compiled
    def forward(inputs: Any) -> Any:
        x = ops.cast(inputs, "float32")
        power, _ = powers(x)
        return ops.cast(x * power, inputs.dtype)

    @compiled
    def backward(inputs: Any, upstream: Any) -> Any:
        x, upstream = ops.cast(inputs, "float32"), ops.cast(upstream, "float32")
        power, reciprocal = powers(x)
        neighbors = formula.scale * window(upstream * x * power * reciprocal)
        return ops.cast(upstream * power - 2 * formula.beta * x * neighbors, inputs.dtype)

    @ops.custom_gradient
    def function(inputs: Any) -> tuple[Any, Callable[[Any], Any]]:
        return forward(inputs), lambda upstream: backward(inputs, upstream)

    return function


def _identity(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _sum_of_neighbors(x: Any, axis: int, size: int) -> Any:
    """Sum the `size` neighbors along an axis of a tensor, with zeros beyond its ends."""
    padded = ops.pad(x, [[size // 2, size // 2] if number == axis else [0, 0] for number in range(len(x.shape))])
    before = (slice(None),) * axis
    side = ops.shape(x)[axis]
    return functools.reduce(operator.add, (padded[(*before, slice(shift, shift + side))] for shift in range(size)))


def _powers(energy: Any, beta: float) -> tuple[Any, Any]:
    """Return `energy ** -beta` and `1 / energy`; reciprocal roots are several times cheaper than powers."""
    if beta == 0.75:
        root = ops.rsqrt(energy)
        return root * ops.sqrt(root), root * root  # s ** -1/2 * s ** -1/4
    if beta == 0.5:
        root = ops.rsqrt(energy)
        return root, root * root
    return ops.power(energy, -beta), 1 / energy
