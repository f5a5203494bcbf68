"""Compare the training step of this package with that of the same network in PyTorch, in alternation.

    python3 -m pip install torch==2.13.0 && python3 benchmarks/pytorch_train.py

Each subject runs in its own process and computes a few steps in each round. The script prints a table, or JSON with
`--json`.
"""

import argparse
import json
import os
import statistics

from processes import alternate, answer
from pytorch_network import network

CLASSES, SIZE = 1000, 227
SUBJECTS = [
    "ours float32",
    "ours mixed_bfloat16",
    "pytorch float32 eager",
    "pytorch float32 compiled",
    "pytorch bfloat16 eager",
    "pytorch bfloat16 compiled",
]


def ours(precision, batch_size):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    from alexnet_keras.benchmark.train import network_to_train, random_batches, training_steps
    from alexnet_keras.training.compile import compile_for_training
    from alexnet_keras.training.optimizer import KrizhevskySGD

    model = network_to_train("paper", CLASSES, SIZE, precision)
    keras.utils.set_random_seed(0)
    compile_for_training(model, KrizhevskySGD(1e-4))
    return training_steps(model, random_batches(batch_size, SIZE, CLASSES), 3)


def pytorch(precision, mode, batch_size):
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    model = network(CLASSES).to(memory_format=torch.channels_last)
    forward = torch.compile(model) if mode == "compiled" else model
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    images = torch.randint(0, 256, (batch_size, 3, SIZE, SIZE), dtype=torch.uint8)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (batch_size,))

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = forward((images.float() - 115) / 64)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def work():
        for _ in range(2):
            step()
        return 2 * batch_size

    work()
    return work


def worker(subject, batch_size):
    """A few steps at a time."""
    library, precision, *mode = subject.split()
    answer(ours(precision, batch_size) if library == "ours" else pytorch(precision, mode[0], batch_size))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.batch_size)
        return
    rates = alternate(__file__, SUBJECTS, ["--batch-size", str(arguments.batch_size)], arguments.rounds)
    medians = {subject: statistics.median(values) for subject, values in rates.items()}
    best = {
        name: max(value for subject, value in medians.items() if subject.startswith(name))
        for name in ("ours", "pytorch")
    }
    if arguments.json:
        spread = {subject: [min(values), max(values)] for subject, values in rates.items()}
        print(json.dumps({"images_per_second": medians, "spread": spread, "ratio": best["ours"] / best["pytorch"]}))
        return
    for subject, values in rates.items():
        print(f"{subject:28} {medians[subject]:7.1f} images/s  ({min(values):.1f} to {max(values):.1f})")
    print(f"our best over PyTorch's best: {best['ours'] / best['pytorch']:.2f}")


if __name__ == "__main__":
    main()
