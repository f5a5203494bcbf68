"""Fine-tune an AlexNet with TensorFlow Addons and Keras 2, in an environment of its own.

    tfa/bin/python examples/tensorflow_addons/fine_tune.py weights.npz images.npz tuned.npz

`weights.npz` comes from `alexnet-keras weights export`, `images.npz` from `write_images.py`. `tuned.npz` gets the
trained weights under the same names, and their probabilities for the validation images.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from math import pi
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

# Constants of the response normalization: section 3.3 of the paper, and Caffe's bvlc_alexnet, which divides alpha by 5.
NORMALIZATIONS = {
    "paper": {"bias": 2.0, "alpha": 1e-4},
    "one_tower": {"bias": 2.0, "alpha": 1e-4},
    "caffe": {"bias": 1.0, "alpha": 1e-4 / 5},
}
KINDS = ("kernel", "bias")  # in the order of Keras
DROPOUT = 0.5  # section 4.2
MOMENTUM = 0.9  # section 5
WEIGHT_DECAY = 5e-4  # section 5; TensorFlow Addons does not multiply it by the learning rate, `main` does
ROTATION = 10 * pi / 180  # radians
CUTOUT = 48  # pixels
BATCH_SIZE = 64
LARGEST_DIFFERENCE = 0.02  # of probabilities; bfloat16 stays below, another network does not


def build(weights: Mapping[str, np.ndarray], image_shape: tuple[int, int, int]) -> tf.keras.Model:
    """Build the network that `weights` belong to; the shapes of the kernels say how many channels and towers it has."""
    metadata = json.loads(str(weights["metadata"]))
    variant = next((name for name in metadata["variants"] if name in NORMALIZATIONS), None)
    if variant is None:
        names = ", ".join(metadata["variants"])
        sys.exit(f"Error: the weights are for the variant {names}; this program has {', '.join(NORMALIZATIONS)}.")
    groups = len(weights["conv1/bias"]) // weights["conv2/kernel"].shape[2]
    normalize = normalization(1 if variant == "caffe" else groups, **NORMALIZATIONS[variant])

    images = tf.keras.Input(image_shape)
    x = tf.keras.layers.Lambda(lambda x: (tf.cast(x, tf.float32) - metadata["mean"]) / metadata["stddev"])(images)
    x = convolve(x, weights, "conv1", strides=4, padding="valid")
    x = max_pool(normalize(x))
    x = convolve(x, weights, "conv2")
    x = max_pool(normalize(x))
    for name in ("conv3", "conv4", "conv5"):
        x = convolve(x, weights, name)
    x = tf.keras.layers.Flatten()(max_pool(x))
    for name in ("fc6", "fc7"):
        x = tf.keras.layers.Dense(len(weights[f"{name}/bias"]), activation="relu", name=name)(x)
        x = tf.keras.layers.Dropout(DROPOUT)(x)
    x = tf.keras.layers.Dense(len(weights["fc8/bias"]), activation="softmax", name="fc8")(x)
    model = tf.keras.Model(images, x)
    for layer in layers_with_weights(model):
        layer.set_weights([weights[f"{layer.name}/{kind}"] for kind in KINDS])
    return model


def normalization(groups: int, bias: float, alpha: float) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that adds a layer, which normalizes each of `groups` equal groups of channels."""

    def normalize(x: tf.Tensor) -> tf.Tensor:
        normalized = [
            tf.nn.local_response_normalization(group, depth_radius=2, bias=bias, alpha=alpha, beta=0.75)
            for group in tf.split(x, groups, axis=-1)
        ]
        return tf.concat(normalized, axis=-1)

    return lambda x: tf.keras.layers.Lambda(normalize)(x)


def convolve(
    x: tf.Tensor, weights: Mapping[str, np.ndarray], name: str, strides: int = 1, padding: str = "same"
) -> tf.Tensor:
    side, _, inputs, filters = weights[f"{name}/kernel"].shape
    make = tf.keras.layers.Conv2D
    groups = x.shape[-1] // inputs
    return make(filters, side, strides, padding, groups=groups, activation="relu", name=name)(x)


def max_pool(x: tf.Tensor) -> tf.Tensor:
    return tf.keras.layers.MaxPooling2D(3, strides=2)(x)


def layers_with_weights(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    return [layer for layer in model.layers if layer.weights]


def save(path: Path, model: tf.keras.Model, **arrays: np.ndarray) -> None:
    """Write the weights of a model as `alexnet-keras weights export` does, and other arrays."""
    for layer in layers_with_weights(model):
        arrays |= {f"{layer.name}/{kind}": value for kind, value in zip(KINDS, layer.get_weights(), strict=True)}
    with path.open("xb") as file:
        np.savez(file, **arrays)


def augment(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rotate each image of a batch, and replace a square of it with gray."""
    angles = tf.random.uniform(tf.shape(images)[:1], -ROTATION, ROTATION)
    images = tf.cast(images, tf.float32)
    images = tfa.image.rotate(images, angles, interpolation="bilinear", fill_mode="nearest")
    return tfa.image.random_cutout(images, (CUTOUT, CUTOUT), constant_values=128), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="an .npz file of `alexnet-keras weights export`")
    parser.add_argument("images", type=Path, help="an .npz file of write_images.py")
    parser.add_argument("output", type=Path, help="the .npz file to write")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    arguments = parser.parse_args()
    for path in (arguments.weights, arguments.images):
        if not path.is_file():
            parser.error(f"there is no file {path}; check the path")
    if arguments.output.exists():
        parser.error(f"{arguments.output} exists; choose another name")

    tf.keras.utils.set_random_seed(0)
    with np.load(arguments.weights) as file:
        weights = dict(file)
    with np.load(arguments.images) as file:
        data = dict(file)
    classes = len(weights["fc8/bias"])
    train, validation = (
        tf.data.Dataset.from_tensor_slices((data[f"{split}_images"], tf.one_hot(data[f"{split}_labels"], classes)))
        for split in ("train", "validation")
    )
    train = train.shuffle(len(train)).batch(BATCH_SIZE).map(augment).prefetch(2)
    validation = validation.batch(BATCH_SIZE)
    model = build(weights, data["train_images"].shape[1:])

    difference = float(np.abs(model.predict(data["validation_images"], verbose=0) - data["probabilities"]).max())
    print(f"largest difference from Keras 3  {difference:.1e} in probability")
    if difference > LARGEST_DIFFERENCE:
        sys.exit("Error: this network differs from the one that images.npz was written with; see `build`.")

    rate = arguments.learning_rate
    sgdw = tfa.optimizers.SGDW(WEIGHT_DECAY * rate, rate, MOMENTUM)
    optimizer = tfa.optimizers.MovingAverage(sgdw, average_decay=0.99, dynamic_decay=True)
    f1 = tfa.metrics.F1Score(classes, average="macro", name="f1")
    model.compile(optimizer, "categorical_crossentropy", metrics=[f1])
    before = model.evaluate(validation, verbose=0, return_dict=True)
    model.fit(train, epochs=arguments.epochs, verbose=2)
    optimizer.assign_average_vars(model.trainable_variables)
    after = model.evaluate(validation, verbose=0, return_dict=True)
    for name, values in (("before", before), ("after", after)):
        print(f"{name:6}  validation loss {values['loss']:.3f}, F1 {values['f1']:.3f}")
    probabilities = model.predict(data["validation_images"], verbose=0)
    save(arguments.output, model, metadata=weights["metadata"], probabilities=probabilities)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
