"""Copy a network so that it takes images of other sizes, too."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="alexnet_keras")
class ResizedMaps(keras.layers.Layer):
    """Bring feature maps to one size by repeating or leaving out values; those of that size do not change.

    Args:
        height, width: the size of the outputs.

    Input: `(B, H, W, channels)`. Output: `(B, height, width, channels)`.
    """

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, inputs: Any) -> Any:
        for axis, size in ((1, self.height), (2, self.width)):
            given = inputs.shape[axis]
            if given != size:
                nearest = ops.arange(size) * (ops.shape(inputs)[axis] if given is None else given) // size
                inputs = ops.take(inputs, nearest, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], self.height, self.width, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


def for_any_size(model: keras.Model) -> keras.Model:
    """Copy a network, with its weights, so that it takes smaller and larger images, too.

    Images of the size of `model` give the same outputs. With others, the feature maps of the last pooling layer are
    brought to the size that fc6 expects, so that each weight of fc6 belongs to the same part of the image.
    """

    def call(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.Flatten):
            height, width = model.get_layer(layer.name).input.shape[1:3]
            resize = ResizedMaps(height, width, name=f"resized_{layer.name}", dtype=layer.dtype_policy)
            inputs = (resize(*inputs),)
        return layer(*inputs, **options)

    images = keras.Input((None, None, 3), name="images")
    copy = keras.models.clone_model(model, images, call_function=call)
    copy.set_weights(model.get_weights())
    return copy
