"""Initial weights of the layers."""

from typing import Any

import keras

from alexnet_keras.config.architecture import BIASED, GAUSSIANS, SCALED, STDDEV, Architecture

PIXEL_STDDEV = 64.0  # of photographs, on a scale of 0 to 255


def pixel_stddev(spec: Architecture) -> float:
    """The number that pixels are divided by: initializers that keep the variance of a signal expect a variance of 1.

    The paper does not divide: its initial weights have a fixed standard deviation.
    """
    if spec.pixel_stddev is not None:
        return spec.pixel_stddev
    return PIXEL_STDDEV if spec.initializer in SCALED else 1.0


def initializers(spec: Architecture, layer: str, inputs: int) -> dict[str, Any]:
    """Create the initializers of a layer, each with a seed of its own.

    Args:
        inputs: number of values that each unit of the layer sees.

    Returns:
        `kernel_initializer` and, unless biases start at 0, `bias_initializer`: arguments of a Keras layer.
    """
    if spec.initializer == "torchvision":  # PyTorch's default for weights and biases
        limit = inputs**-0.5
        names = ("kernel_initializer", "bias_initializer")
        return {name: keras.initializers.RandomUniform(-limit, limit) for name in names}
    if spec.initializer in GAUSSIANS:
        gaussian = GAUSSIANS[spec.initializer]
        return {
            "kernel_initializer": keras.initializers.RandomNormal(stddev=gaussian.stddevs.get(layer, STDDEV)),
            "bias_initializer": keras.initializers.Constant(gaussian.bias if layer in BIASED else 0.0),
        }
    if layer == "fc8":  # no ReLU follows fc8, which therefore keeps the small weights of the paper
        return {"kernel_initializer": keras.initializers.RandomNormal(stddev=STDDEV)}
    scaled = {"he_normal": keras.initializers.HeNormal, "glorot_uniform": keras.initializers.GlorotUniform}
    return {"kernel_initializer": scaled[spec.initializer]()}
