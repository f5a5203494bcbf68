"""Speed of the training step, against a plain Keras program and against the machine's matrix multiplication."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import Rate, Work, alternate, summarize_rates
from alexnet_keras.benchmark.baseline import baseline_model
from alexnet_keras.config.variants import architecture
from alexnet_keras.distribution.precision import choose_precision
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import training_operations
from alexnet_keras.system.errors import check
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.memory import fits_in_memory
from alexnet_keras.training.compile import compile_for_training, scale_loss
from alexnet_keras.training.optimizer import KrizhevskySGD

CLASSES = 1000
MATRIX = 4096  # side of the matrices that show the peak: 137 GFLOP; 64 MiB each in float32
# A measurement takes seconds, so that short interruptions of the machine do not decide.
STEPS = 3  # training steps in a measurement
MULTIPLICATIONS = 8  # matrix multiplications in a measurement


@dataclass(frozen=True)
class TrainBenchmark:
    """Result of `measure`.

    Attributes:
        baseline_images_per_second: of the baseline, `baseline_model` in float32 with `keras.optimizers.SGD`.
        matmul_gflops: GFLOP/s of a large matrix multiplication in the step's precision.
    """

    variant: str
    batch_size: int
    precision: str
    jit_compile: bool
    images_per_second: Rate
    baseline_images_per_second: Rate
    matmul_gflops: Rate
    operations_per_image: int
    hardware: str

    @property
    def times_baseline(self) -> float:
        """Speed of the training step in relation to the baseline."""
        return self.images_per_second.median / self.baseline_images_per_second.median

    @property
    def fraction_of_peak(self) -> float:
        """Operations per second of the training step in relation to those of the matrix multiplication."""
        return self.images_per_second.median * self.operations_per_image / 1e9 / self.matmul_gflops.median

    def to_dict(self) -> dict[str, Any]:
        ratios = {"times_baseline": round(self.times_baseline, 2), "fraction_of_peak": round(self.fraction_of_peak, 3)}
        return {**summarize_rates(self), **ratios}


def measure(variant: str, batch_size: int, precision: str, rounds: int) -> TrainBenchmark:
    """Measure the training step of a variant (forward, backward and update, as in `fit`) on a batch in memory.

    Args:
        precision: `auto` or a Keras dtype policy; the baseline is always float32.
    """
    spec = architecture(variant)
    check_batch(batch_size, spec.input_size)
    policy = choose_precision(precision).policy
    network = network_to_train(variant, CLASSES, spec.input_size, policy)
    baseline = baseline_model(spec, CLASSES, spec.input_size)

    def work(model: keras.Model, optimizer: keras.optimizers.Optimizer, count: int) -> Work:
        compile_for_training(model, optimizer)
        return training_steps(model, random_batches(batch_size, spec.input_size, CLASSES), count)

    subjects = {
        "network": work(network, measured_optimizer(policy), STEPS),
        "baseline": work(baseline, keras.optimizers.SGD(1e-4, momentum=0.9), 1),
        "matrix multiplication": _matrix_multiplications(keras.DTypePolicy(policy).compute_dtype),
    }
    rates = alternate(subjects, rounds, "Measuring the training step")
    return TrainBenchmark(
        variant=variant,
        batch_size=batch_size,
        precision=policy,
        jit_compile=network.jit_compile,
        images_per_second=rates["network"],
        baseline_images_per_second=rates["baseline"],
        matmul_gflops=rates["matrix multiplication"].scaled(1e-9),
        operations_per_image=training_operations(network),
        hardware=describe(),
    )


def network_to_train(variant: Any, classes: int, input_size: int, policy: str) -> keras.Model:
    """Build a variant, or an `Architecture`, that returns logits."""
    shape = (input_size, input_size, 3)
    return AlexNet(architecture(variant), classes=classes, input_shape=shape, classifier_activation=None, dtype=policy)


def measured_optimizer(policy: str) -> keras.optimizers.Optimizer:
    """Return the optimizer of training, with a learning rate so small that no measurement diverges."""
    return scale_loss(KrizhevskySGD(1e-4), policy)


def check_batch(batch_size: int, input_size: int) -> None:
    """Check that a batch fits into memory, before anything allocates it.

    On a CPU, the feature maps of a batch and their gradients take ten times as much as its float32 pixels.
    """
    copies = 1 if tf.config.get_visible_devices("GPU") else 10
    check(
        fits_in_memory(batch_size * input_size**2 * 3 * 4 * copies),
        f"`batch_size` {batch_size} takes more than a third of the free memory; choose a smaller one.",
    )


def random_batches(batch_size: int, input_size: int, classes: int) -> Iterator[Any]:
    """Repeat one batch of random images and labels that lies in memory."""
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (batch_size, input_size, input_size, 3), np.uint8)
    labels = random.randint(0, classes, batch_size)
    return iter(tf.data.Dataset.from_tensors((images, labels)).repeat())


def training_steps(model: keras.Model, batches: Iterator[Any], count: int) -> Work:
    """Return work that is `count` steps of `fit` and returns the number of images.

    Args:
        batches: iterator over a `tf.data.Dataset` of batches of one size.
    """
    model.make_train_function()
    batch_size = len(next(batches)[1])

    def work() -> int:
        for _ in range(count):
            logs = model.train_function(batches)
        float(logs["loss"])  # waits until a GPU has finished
        return count * batch_size

    work()  # compiles the step
    return work


def _matrix_multiplications(dtype: str) -> Work:
    matrix = tf.cast(tf.random.normal((MATRIX, MATRIX)), dtype)

    @tf.function
    def multiply() -> tf.Tensor:
        return tf.reduce_sum(tf.matmul(matrix, matrix)[0])

    def work() -> int:
        for _ in range(MULTIPLICATIONS):
            result = multiply()
        float(result)  # waits until a GPU has finished
        return MULTIPLICATIONS * 2 * MATRIX**3

    work()
    return work
