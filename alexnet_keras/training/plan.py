"""Print what a run is about to do."""

import math
import sys

import keras
import tensorflow as tf

from alexnet_keras.config.command_line import in_words
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data.dataset import too_few
from alexnet_keras.distribution.precision import choose_jit, choose_precision
from alexnet_keras.system import disk
from alexnet_keras.system.columns import pair_lines
from alexnet_keras.system.hardware import describe
from alexnet_keras.training.build import TrainingNetwork
from alexnet_keras.training.checkpoints import KEPT
from alexnet_keras.training.inputs import Inputs
from alexnet_keras.training.run_folder import numbered


def print_plan(config: TrainConfig, inputs: Inputs, network: TrainingNetwork) -> None:
    """Print recipe, variant, data, run, hardware, precision and disk space on standard error, aligned."""
    replicas, run, policy = network.replicas, network.checkpoints.final, network.measured.policy
    if not replicas.is_chief:
        return
    recipe, variant = in_words(config)
    jit = choose_jit(replicas.num_devices, config.deterministic)
    chosen = choose_precision(config.precision, deterministic=config.deterministic)
    reason = chosen.reason if chosen.policy == policy else "as the run began"
    dataset, classes = inputs.dataset, len(inputs.dataset.class_names)
    counts = (
        f"{dataset.name}: {len(inputs.training):,} training and {len(inputs.validation):,} validation images of "
        f"{classes:,} classes"
    )
    turned = "" if dataset.turns else "images are not turned upright"
    rows = {
        "recipe": recipe,
        "variant": variant,
        "data": "; ".join(filter(None, (counts, dataset.division, dataset.ignored_files(), turned))),
        "run": str(run),
        "hardware": describe(replicas.devices) + replicas.describe(network.model),
        "precision": f"{policy} ({reason}), XLA {'on' if jit.compile else 'off'} ({jit.reason})",
        "disk": f"{disk.size_of(bytes_needed(network))} needed at most, {disk.size_of(disk.free_bytes(run))} free",
    }
    advice = "" if config.weights else too_few(len(inputs.training), classes)
    if advice:
        rows["warning"] = advice
    for line in pair_lines(rows.items()):
        print(line, file=sys.stderr)


def bytes_needed(network: TrainingNetwork) -> int:
    """The most disk space that a run takes in addition to its present checkpoints, without TensorBoard's files.

    A run takes a checkpoint and a model for each checkpoint that is kept, and both once more while they are written;
    model.keras is a second name of one of the models.
    """
    checkpoint = sum(_bytes(variable) for variable in network.checkpoints.variables.values())
    model = sum(_bytes(variable) for variable in network.blank.variables)
    present = sum(file.stat().st_size for file in numbered(network.checkpoints.run))
    return max(0, (KEPT + 1) * (checkpoint + model) - present)


def _bytes(variable: keras.Variable) -> int:
    return math.prod(variable.shape) * tf.as_dtype(variable.dtype).size
