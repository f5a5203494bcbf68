"""Small layers that Keras lacks: mean subtraction, channels of one tower, named predictions."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="alexnet_keras")
class MeanSubtraction(keras.layers.Layer):
    """Subtract the mean colour of the training set from raw RGB, the only preprocessing in section 2 of the paper.

    Args:
        mean: red, green and blue, 0 to 255. It is a part of the configuration instead of a weight, because it is
            measured before training and never changes.
        stddev: number that the difference is divided by; 1 in the paper.

    Input: `(B, H, W, 3)`, any dtype, 0 to 255. Output: the same shape in the compute dtype. The difference is computed
    in float32, because half precision would round large pixel values before the subtraction.

    Raises:
        ValueError: `mean` is not three numbers from 0 to 255, or `stddev` is not positive.
    """

    def __init__(self, mean: Sequence[float], stddev: float = 1.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if stddev <= 0:
            raise ValueError(f"`stddev` must be positive, because pixels are divided by it, got {stddev}; pass 1.")
        self.stddev = float(stddev)
        self.mean = tuple(float(value) for value in mean)
        if len(self.mean) != 3 or not all(0 <= value <= 255 for value in self.mean):
            raise ValueError(f"`mean` must be red, green and blue from 0 to 255, got {self.mean}.")

    def call(self, inputs: Any) -> Any:
        mean = ops.convert_to_tensor(self.mean, dtype="float32")
        return ops.cast((ops.cast(inputs, "float32") - mean) / self.stddev, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@keras.saving.register_keras_serializable(package="alexnet_keras", name="TowerMaps")  # its name in earlier files
class TowerChannels(keras.layers.Layer):
    """Select the channels of one tower from the concatenated channels of both.

    Args:
        tower: 0 for the first half of the channels, 1 for the second half.

    Input: `(..., channels)` with an even number of channels. Output: `(..., channels / 2)`.
    """

    def __init__(self, tower: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tower = tower

    def call(self, inputs: Any) -> Any:
        half = inputs.shape[-1] // 2
        return inputs[..., self.tower * half : (self.tower + 1) * half]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tower": self.tower}


@keras.saving.register_keras_serializable(package="alexnet_keras")
class Predictions(keras.layers.Layer):
    """Apply the activation of the classifier in float32, and store the names of the classes.

    The names are a part of the configuration, so that a `.keras` file alone says what its outputs mean.

    Args:
        activation: a Keras activation: `"softmax"` for probabilities, `None` for logits.
        class_names: one name for each output, in order, or `None`.

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


# As in cvjena's AlexNet: Caffe's BatchNorm, which neither scales nor shifts.
batch_normalization = partial(
    keras.layers.BatchNormalization,
    momentum=0.9,  # moving_average_fraction in its train.prototxt
    epsilon=1e-5,  # eps of Caffe's BatchNormParameter
    center=False,
    scale=False,
)
