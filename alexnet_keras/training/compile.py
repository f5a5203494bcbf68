"""Compile a network for training: the update rule of 2012 and a cross-entropy with label smoothing."""

from collections.abc import Sequence
from typing import Any

import keras

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.distribution.precision import choose_jit
from alexnet_keras.training import learning_rates
from alexnet_keras.training.optimizer import KrizhevskySGD


def compile_for_training(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    num_devices: int = 1,
    deterministic: bool = False,
    label_smoothing: float = 0.0,
    metrics: Sequence[keras.metrics.Metric] | None = None,
) -> None:
    """Compile a network that ends in logits, with XLA where that is faster.

    Args:
        model: a network `(B, H, W, 3)` -> `(B, classes)` whose last activation is linear, or the last part of one.
        num_devices, deterministic: arguments of `choose_jit`.
        metrics: the metrics to use; `None` for new ones, as `accuracies` makes them.
    """
    metrics = list(metrics or accuracies())
    jit_compile = choose_jit(num_devices, deterministic).compile
    model.compile(optimizer, loss=smoothed_crossentropy(label_smoothing), metrics=metrics, jit_compile=jit_compile)


def accuracies() -> tuple[keras.metrics.Metric, ...]:
    """The metrics whose complements are the top-1 and the top-5 error."""
    return (
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        keras.metrics.SparseTopKCategoricalAccuracy(5, name="top5_accuracy"),
    )


def metrics_of_epoch(model: keras.Model, accuracies: Sequence[keras.metrics.Metric]) -> list[keras.metrics.Metric]:
    """Keras's metric of the loss, which belongs to the model that is fitted, and the accuracies."""
    return [next(metric for metric in model.metrics if metric.name == "loss"), *accuracies]


def update_rule(config: TrainConfig, policy: str, steps: int) -> keras.optimizers.Optimizer:
    """Make the optimizer of a training with `steps` steps in each epoch, with loss scaling if the policy needs it."""
    optimizer = KrizhevskySGD(
        learning_rates.learning_rate(config.schedule, config.learning_rate, config.epochs, steps),
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        classifier_weight_decay=config.classifier_weight_decay,
        bias_learning_rate_multiplier=config.bias_learning_rate_multiplier,
        bias_learning_rate=None
        if config.biases_follow_schedule
        else config.learning_rate * config.bias_learning_rate_multiplier,
        layer_rates=learning_rates.layer_rates(config.layer_rates, steps),
    )
    return scale_loss(optimizer, policy)


def scale_loss(optimizer: keras.optimizers.Optimizer, policy: str) -> keras.optimizers.Optimizer:
    """Wrap an optimizer so that small gradients survive in float16; other policies need no scaling."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer


def smoothed_crossentropy(smoothing: float) -> Any:
    """Cross-entropy of integer labels `(B,)` and logits `(B, classes)`, with part of the target spread over all."""

    def loss(labels: Any, logits: Any) -> Any:
        targets = keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), logits.shape[-1])
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=smoothing)

    return loss
