"""Keras models as functions from images to probabilities."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.config.variants import variant_of
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.inference.signature import Port, check_classes, image_side
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.terminal_text import brief


def input_size(model: keras.Model) -> int:
    """The side in pixels of the images that a model takes."""
    return image_side(repr(model.name), [Port(tensor.shape) for tensor in model.inputs])


def class_names(model: keras.Model) -> tuple[str, ...]:
    """The names of a classifier's classes, or their indices if it has no names."""
    return getattr(model.layers[-1], "class_names", None) or tuple(
        str(index) for index in range(model.output_shape[-1])
    )


def layers_named(model: keras.Model, name: str) -> list[keras.layers.Layer]:
    """Return the layer of a name, or the two of its towers: `conv5` is `conv5a` and `conv5b`."""
    stems = {layer.name: split_tower(layer.name)[0] for layer in model.layers}
    found = [name] if name in stems else sorted(each for each in stems if stems[each] == name)
    if not found:
        known = ", ".join(dict.fromkeys(stems.values()))
        raise OptionError(f"The network has no `layer` {brief(name)}; choose from {known}.")
    return [model.get_layer(each) for each in found]


def serving_function(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function from images to probabilities for a classifier that ends in softmax or in logits.

    The function takes `(B, H, W, 3)` float32 RGB, 0..255, and returns `(B, classes)` float32.
    """
    last = model.layers[-1]
    activation = (
        keras.activations.softmax if isinstance(last, keras.layers.Softmax) else getattr(last, "activation", None)
    )
    if activation is None:
        raise InputError(
            f"The model {model.name!r} ends in the layer {last.name!r}, which is no classifier; "
            "use trained weights of all layers, or end the model in Dense(classes, activation='softmax')."
        )
    input_size(model)
    check_classes(repr(model.name), [Port(tensor.shape) for tensor in model.outputs], class_names(model))
    if activation not in (keras.activations.linear, keras.activations.softmax):
        raise InputError(
            f"The model {model.name!r} ends in neither softmax nor logits, so it gives no probabilities; "
            "build it with `classifier_activation='softmax'`, or end it in Dense(classes, activation='softmax')."
        )
    logits = activation is keras.activations.linear

    def serve(images: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(model(images, training=False), tf.float32)
        return tf.nn.softmax(outputs) if logits else outputs

    return serve


def from_keras(model: keras.Model, name: str | None = None) -> Predictor:
    """A predictor that reads the weights of a Keras model anew in each call."""
    serve = serving_function(model)
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    call = tf.function(serve, input_signature=[signature], autograph=False)

    def function(images: np.ndarray) -> np.ndarray:
        return call(tf.cast(images, tf.float32)).numpy()

    variant = variant_of(model.name)
    return Predictor(function, input_size(model), class_names(model), name or repr(model.name), variant=variant)
