"""Compare `model.fit` in Python with the command `train`, in alternation.

    python3 benchmarks/fit.py DATA [--batch-size 64] [--steps 30] [--rounds 3]

Both train the network of the paper on the same augmented batches, in the precision that `train` chooses. A round is a
new network and three epochs of each, and counts the images per second of the last two, without validation. The script
prints a table of medians with the lowest and the highest value.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras

import alexnet_keras

EPOCHS = 3  # the first builds the step


class Clock(keras.callbacks.Callback):
    """Measure the seconds from the begin of each epoch to the end of its last step."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.end = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(self.end - self.begin)


def by_fit(options):
    train, _ = alexnet_keras.load_data(options.data, batch_size=options.batch_size)
    keras.config.set_dtype_policy(alexnet_keras.recommended_dtype_policy())
    classes = len(train.class_names)
    model = alexnet_keras.AlexNet(
        classes=classes, class_names=train.class_names, mean=train.mean, initializer="he_normal"
    )
    optimizer = alexnet_keras.KrizhevskySGD(learning_rate=0.001, momentum=0.9, weight_decay=5e-4)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = Clock()
    model.fit(train.repeat(), steps_per_epoch=options.steps, epochs=EPOCHS, callbacks=[clock], shuffle=False, verbose=0)
    return [options.steps * options.batch_size / seconds for seconds in clock.seconds[1:]]


def by_train(options):
    with tempfile.TemporaryDirectory() as folder:
        result = alexnet_keras.train(
            options.data,
            run=Path(folder) / "run",
            epochs=EPOCHS,
            batch_size=options.batch_size,
            steps_per_epoch=options.steps,
            learning_rate=0.001,
        )
        return [row["images_per_second"] for row in result.history[1:]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    subjects = {"`train`": by_train, "`model.fit`": by_fit}
    rates = {name: [] for name in subjects}
    for _ in range(options.rounds):
        for name, measure in subjects.items():
            measured = measure(options)
            print(f"{name}: {', '.join(f'{value:.1f}' for value in measured)} images/s", file=sys.stderr, flush=True)
            rates[name] += measured
            keras.utils.clear_session()
    print("| | images/s | of `train` |")
    print("| --- | --- | --- |")
    reference = statistics.median(rates["`train`"])
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.1f} ({min(values):.1f} to {max(values):.1f}) | {median / reference:.2f} |")
