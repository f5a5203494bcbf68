"""Images a second of the training step, beside the obvious Keras code and beside what the machine can multiply."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import Rate, Work, alternate
from alexnet_keras.benchmark.naive import naive_model
from alexnet_keras.config.variants import architecture
from alexnet_keras.distribution.precision import choose_jit, choose_precision
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import training_operations
from alexnet_keras.system.hardware import describe
from alexnet_keras.training.compile import compile_for_training, scale_loss
from alexnet_keras.training.optimizer import KrizhevskySGD

CLASSES = 1000
MATRIX = 4096  # side of the product that stands for the machine's peak: 137 GFLOP, 64 MiB a matrix in float32
STEPS = 3  # of ours a measurement, and
PRODUCTS = 8  # as many: seconds, so that a hiccup of the machine does not decide


@dataclass(frozen=True)
class TrainBenchmark:
    """What `measure` found.

    Attributes:
        images_per_second: of our training step.
        naive_images_per_second: of `naive.naive_model`, in float32 with `keras.optimizers.SGD`.
        matmul_gflops: of a large matrix product in the type that our step multiplies in.
        fraction_of_peak: the step's counted floating-point operations a second over `matmul_gflops`.
    """

    variant: str
    batch_size: int
    precision: str
    jit_compile: bool
    images_per_second: Rate
    naive_images_per_second: Rate
    matmul_gflops: Rate
    operations_per_image: int
    hardware: str

    @property
    def times_naive(self) -> float:
        return self.images_per_second.median / self.naive_images_per_second.median

    @property
    def fraction_of_peak(self) -> float:
        return self.images_per_second.median * self.operations_per_image / 1e9 / self.matmul_gflops.median

    def to_dict(self) -> dict[str, Any]:
        rates = {name: value for name, value in vars(self).items() if isinstance(value, Rate)}
        return {
            **vars(self),
            **{name: round(rate.median, 2) for name, rate in rates.items()},
            "times_naive": round(self.times_naive, 2),
            "fraction_of_peak": round(self.fraction_of_peak, 3),
            "spread": {name: [round(rate.low, 2), round(rate.high, 2)] for name, rate in rates.items()},
        }


def measure(
    variant: str,
    batch_size: int,
    precision: str = "auto",
    jit: str = "auto",
    rounds: int = 7,
    input_size: int | None = None,
) -> TrainBenchmark:
    """Time the training step of a variant: forward, backward and update, as `fit` runs it, on a batch in memory.

    Args:
        variant: a name of `architecture.ARCHITECTURES`.
        batch_size: images a step.
        precision: `auto` or a Keras dtype policy; the obvious code is always float32.
        jit: `auto`, `on` or `off`: whether XLA compiles the step, theirs too.
        rounds: how often each is measured.
        input_size: side of the images in pixels; `None` for the variant's own.
    """
    spec = architecture(variant)
    input_size = input_size or spec.input_size
    policy = choose_precision(precision).policy
    compiled = choose_jit().compile if jit == "auto" else jit == "on"
    ours = AlexNet(
        spec, classes=CLASSES, input_shape=(input_size, input_size, 3), classifier_activation=None, dtype=policy
    )
    naive = naive_model(spec, CLASSES, input_size)
    common: dict[str, Any] = {"batch_size": batch_size, "input_size": input_size, "jit": compiled}
    subjects = {
        "ours": training_steps(ours, KrizhevskySGD(1e-4), count=STEPS, **common),
        "naive": training_steps(naive, keras.optimizers.SGD(1e-4, momentum=0.9), count=1, **common),
        "matrix product": _matrix_product(keras.DTypePolicy(policy).compute_dtype),
    }
    rates = alternate(subjects, rounds, "Measuring the training step")
    return TrainBenchmark(
        variant=variant,
        batch_size=batch_size,
        precision=policy,
        jit_compile=compiled,
        images_per_second=rates["ours"],
        naive_images_per_second=rates["naive"],
        matmul_gflops=rates["matrix product"].scaled(1e-9),
        operations_per_image=training_operations(ours),
        hardware=describe(),
    )


def training_steps(
    model: keras.Model, optimizer: Any, *, batch_size: int, input_size: int, count: int, jit: bool
) -> Work:
    """Work that is `count` steps of `fit` on random images and labels, in memory."""
    compile_for_training(model, scale_loss(optimizer, model.layers[1].dtype_policy.name), jit_compile=jit)
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (batch_size, input_size, input_size, 3), np.uint8)
    labels = random.randint(0, model.output_shape[-1], batch_size)
    batches = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    model.make_train_function()

    def work() -> int:
        for _ in range(count):
            logs = model.train_function(batches)
        float(logs["loss"])  # waits for a GPU
        return count * batch_size

    work()
    return work


def _matrix_product(dtype: str) -> Work:
    matrix = tf.cast(tf.random.normal((MATRIX, MATRIX)), dtype)

    @tf.function
    def multiply() -> tf.Tensor:
        return tf.reduce_sum(tf.matmul(matrix, matrix)[0])

    def work() -> int:
        for _ in range(PRODUCTS):
            result = multiply()
        float(result)  # waits for a GPU
        return PRODUCTS * 2 * MATRIX**3

    work()
    return work
