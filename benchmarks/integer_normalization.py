"""Measure the error of local response normalization in 8-bit integers: LiteRT against the Keras layer in float32.

`rounding alone` is the mean error of the float32 layer if its input and its output are rounded to 8 bits.

python3 benchmarks/integer_normalization.py RUN.keras imagenette
python3 benchmarks/integer_normalization.py bvlc_alexnet.npz imagenette --variant caffe
"""

import argparse
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from alexnet_keras import AlexNet, load_model
from alexnet_keras.data import pipeline
from alexnet_keras.data.dataset import Split, sample
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export.integer_lrn import IntegerNormalization
from alexnet_keras.system import native_stderr

IMAGES = 40  # for calibration, and as many others for the measurement


def read_images(split: Split, size: int) -> np.ndarray:
    (batch,) = pipeline.eval_dataset(sample(split, IMAGES), input_size=size, batch_size=IMAGES).as_numpy_iterator()
    return batch[0].astype(np.float32)


def in_integers(function: Callable[[tf.Tensor], tf.Tensor], calibration: np.ndarray) -> Callable[[np.ndarray], list]:
    """Convert a function to LiteRT with calibration: 8 bits inside, float32 in and out, one image in a call."""
    module = tf.Module()
    module.serve = tf.function(function, input_signature=[tf.TensorSpec((1, *calibration.shape[1:]))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def call(images: np.ndarray) -> list:
        results = []
        for image in images:
            interpreter.set_tensor(source, image[None])
            interpreter.invoke()
            results.append(interpreter.get_tensor(target)[0])
        return results

    return call


def rounded(values: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    """Round values to 8 bits over the range of the calibration values, which includes zero."""
    low, high = min(0.0, calibration.min()), calibration.max()
    step = (high - low) / 255
    return (np.round(values / step) * step).clip(low, high).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--variant", help="the network, if MODEL is a file of weights")
    arguments = parser.parse_args()
    model = load_model(arguments.model) if arguments.variant is None else None
    if model is None:
        model = AlexNet(arguments.variant, weights=arguments.model, allow_missing=True)
    dataset = open_dataset(arguments.data)
    calibration, images = (read_images(split, model.input_shape[1]) for split in (dataset.train, dataset.validation))
    print(
        f"{'layer':10}{'largest input':>15}{'factors':>16}{'mean error':>12}{'99.9%':>8}{'largest':>9}"
        f"{'rounding alone':>16}  of the largest output"
    )
    for layer in model.layers:
        if not hasattr(layer, "formula"):
            continue
        inputs = keras.Model(model.inputs[0], layer.input)
        seen, values = (inputs(batch).numpy() for batch in (calibration, images))
        expected = layer(values).numpy()
        with native_stderr.silenced():
            results = in_integers(IntegerNormalization(layer.formula), seen)(values)
        largest = np.abs(expected).max()
        error = np.abs(np.stack(results) - expected) / largest
        alone = rounded(layer(rounded(values, seen)).numpy(), layer(seen).numpy())
        factors = expected[values != 0] / values[values != 0]
        print(
            f"{layer.name:10}{np.abs(values).max():15.1f}{factors.min():8.3f}{factors.max():8.3f}"
            f"{error.mean():12.3%}{np.quantile(error, 0.999):8.2%}{error.max():9.2%}"
            f"{np.abs(alone - expected).mean() / largest:16.3%}"
        )


if __name__ == "__main__":
    main()
