"""Compare the update of 61 million weights by `KrizhevskySGD` and by `keras.optimizers.SGD`, in alternation.

    python3 benchmarks/optimizer.py

The script prints the milliseconds of an update alone, without computing gradients: the median and the range.
"""

import argparse
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

from alexnet_keras.benchmark import alternate
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.training.optimizer import KrizhevskySGD

SUBJECTS = {
    "KrizhevskySGD": lambda: KrizhevskySGD(1e-6),
    "KrizhevskySGD, events of the recipe original": lambda: KrizhevskySGD(
        keras.optimizers.schedules.PiecewiseConstantDecay([100], [1e-6, 1e-7]),
        bias_learning_rate=2e-6,
        layer_rates=[("conv1", 200, 1e-8), ("conv1", 300, 0.0)],
    ),
    "keras SGD, momentum": lambda: keras.optimizers.SGD(1e-6, momentum=0.9),
    "keras SGD, momentum and decay": lambda: keras.optimizers.SGD(1e-6, momentum=0.9, weight_decay=5e-4),
}


def work(optimizer, variables, gradients):
    optimizer.build(variables)

    @tf.function
    def step():
        optimizer.apply(gradients, variables)

    def once():
        step()
        variables[-1].numpy()
        return 1

    once()
    return once


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    variables = AlexNet("paper").trainable_variables
    gradients = [tf.random.normal(variable.shape, stddev=0.01) for variable in variables]
    subjects = {name: work(make(), variables, gradients) for name, make in SUBJECTS.items()}
    rates = alternate(subjects, arguments.rounds, "Measuring")
    found = {name: [1000 / rate.median, 1000 / rate.high, 1000 / rate.low] for name, rate in rates.items()}
    if arguments.json:
        print(json.dumps(found))
        return
    for name, (median, fastest, slowest) in found.items():
        print(f"{name:46}{median:7.1f} ms  ({fastest:.1f} to {slowest:.1f})")


if __name__ == "__main__":
    main()
