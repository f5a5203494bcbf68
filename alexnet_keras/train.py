"""train(config, run): the program. The command line, tests and benchmarks call it."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras import augmentation, data, datasets, devices, runs
from alexnet_keras.callbacks import Recorder
from alexnet_keras.config import InputError, TrainConfig
from alexnet_keras.evaluate import Evaluation, evaluate
from alexnet_keras.model import AlexNet, load_model
from alexnet_keras.optimizers import KrizhevskySGD, warmup_cosine
from alexnet_keras.predict import from_keras


def train(config: TrainConfig, run: Path) -> Evaluation:
    """Train a network and leave all there is to know about it in a folder.

    Writes config.json, history.csv, model.keras (the best epoch, in float32), evaluation.json and TensorBoard logs.

    Args:
        config: what to train.
        run: a folder that does not exist, or is empty.

    Returns:
        Errors of the best model on the validation pictures, as in evaluation.json.

    Raises:
        InputError: the folder or the data cannot be used. The folder is removed unless it holds a model already.
    """
    runs.create(run)
    try:
        return _train(config, run)
    except BaseException:
        runs.discard_if_empty_handed(run)
        raise


def _train(config: TrainConfig, run: Path) -> Evaluation:
    dataset = datasets.load(config.data)
    training, validation = dataset.train, dataset.validation
    steps = _steps(config, len(training))
    training = data.in_memory(training, f"{dataset.name} for training")
    validation = data.in_memory(validation, f"{dataset.name} for validation")
    precision = devices.choose_precision(config.precision)
    hardware = devices.describe()
    print(
        f"{config.recipe} on {dataset.name}: {len(training):,} training and {len(validation):,} validation images of "
        f"{len(dataset.class_names)} classes; {precision.policy} ({precision.reason}); {hardware}",
        file=sys.stderr,
    )

    with data.naming_unreadable(training):
        colours = data.colour_statistics(training)
    noise = augmentation.colour_noise(config.colour_noise, colours) if config.colour_noise else None
    keras.utils.set_random_seed(config.seed)
    common: dict[str, Any] = {
        "classes": len(dataset.class_names),
        "input_shape": (config.input_size, config.input_size, 3),
        "mean": colours.mean,
        "class_names": dataset.class_names,
    }
    model = AlexNet(config.architecture, classifier_activation=None, dtype=precision.policy, **common)
    optimizer: keras.optimizers.Optimizer = KrizhevskySGD(
        warmup_cosine(
            config.learning_rate,
            steps=config.epochs * steps,
            warmup_steps=round(min(config.warmup_epochs, config.epochs / 4) * steps),
        ),
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        bias_learning_rate_multiplier=config.bias_learning_rate_multiplier,
    )
    if precision.policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss=smoothed_crossentropy(config.label_smoothing), metrics=["accuracy"])

    config = dataclasses.replace(config, data=datasets.absolute(config.data))
    runs.write_json(run / runs.CONFIG, {**dataclasses.asdict(config), "class_names": dataset.class_names})
    images_per_epoch = min(steps * config.batch_size, len(training))
    blank = AlexNet(config.architecture, dtype="float32", **common)
    with data.naming_unreadable(training, validation), _naming_batch_size(config.batch_size):
        model.fit(
            data.train_dataset(
                training,
                input_size=config.input_size,
                batch_size=config.batch_size,
                epochs=tf.data.Dataset.range(config.epochs),
                seed=config.seed,
                steps=steps,
                noise=noise,
            ),
            epochs=config.epochs,
            steps_per_epoch=steps,
            validation_data=data.eval_dataset(validation, input_size=config.input_size, batch_size=config.batch_size),
            callbacks=[
                Recorder(run, blank, images_per_epoch, config.epochs),
                keras.callbacks.TensorBoard(run / runs.TENSORBOARD, write_graph=False),
            ],
            shuffle=False,  # train_dataset has shuffled
            verbose=0,
        )

    example = data.pixels(validation, tf.constant(0, tf.int64))
    with runs.appear_whole(run / runs.EXAMPLE) as partial:
        partial.write_bytes(tf.io.encode_png(example).numpy())
    best = from_keras(load_model(run / runs.MODEL))
    evaluation = evaluate(best, validation)
    provenance = runs.provenance(hardware, precision.policy)
    runs.write_json(run / runs.EVALUATION, {**evaluation.to_dict(), "data": config.data, "provenance": provenance})
    return evaluation


def _steps(config: TrainConfig, num_images: int) -> int:
    if config.batch_size > num_images:
        raise InputError(
            f"--batch-size {config.batch_size} is larger than the {num_images} training images of {config.data}; "
            f"choose at most {num_images}."
        )
    steps = data.steps_per_epoch(num_images, config.batch_size)
    if config.steps_per_epoch is not None and config.steps_per_epoch > steps:
        raise InputError(
            f"--steps-per-epoch {config.steps_per_epoch} is more than the {steps} batches of {config.batch_size} that "
            f"{config.data} has; choose at most {steps}."
        )
    return config.steps_per_epoch or steps


@contextlib.contextmanager
def _naming_batch_size(batch_size: int) -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(f"--batch-size {batch_size} does not fit into the device's memory; choose less.") from error


def smoothed_crossentropy(smoothing: float) -> Any:
    """Cross-entropy of integer labels `(B,)` and logits `(B, classes)`, with part of the target spread over all."""

    def loss(labels: Any, logits: Any) -> Any:
        targets = keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), logits.shape[-1])
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=smoothing)

    return loss
