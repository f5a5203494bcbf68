"""The training step of PyTorch's grouped AlexNet with normalization beside ours, in alternation.

    python3 -m pip install torch==2.13.0 && python3 benchmarks/pytorch_train.py

Each subject lives in a process of its own, so that no library's idle threads disturb another's; only one computes at a
time, for a few steps, round after round. Prints a table, or JSON with `--json`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

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

    from alexnet_keras.benchmark.train import training_steps
    from alexnet_keras.model import AlexNet
    from alexnet_keras.optimizers import KrizhevskySGD

    model = AlexNet("paper", classifier_activation=None, dtype=precision)
    keras.utils.set_random_seed(0)
    return training_steps(model, KrizhevskySGD(1e-4), batch_size=batch_size, input_size=SIZE, count=3, jit=False)


def pytorch(precision, mode, batch_size):
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    def conv(inputs, outputs, size, groups=1, **options):
        return [nn.Conv2d(inputs, outputs, size, groups=groups, **options), nn.ReLU(inplace=True)]

    norm = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}  # it divides alpha by the size: 1e-4 as in the paper
    model = nn.Sequential(
        *conv(3, 96, 11, stride=4),
        nn.LocalResponseNorm(**norm),
        nn.MaxPool2d(3, 2),
        *conv(96, 256, 5, groups=2, padding=2),
        nn.LocalResponseNorm(**norm),
        nn.MaxPool2d(3, 2),
        *conv(256, 384, 3, padding=1),
        *conv(384, 384, 3, groups=2, padding=1),
        *conv(384, 256, 3, groups=2, padding=1),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, CLASSES),
    ).to(memory_format=torch.channels_last)
    network = torch.compile(model) if mode == "compiled" else model
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    images = torch.randint(0, 256, (batch_size, 3, SIZE, SIZE), dtype=torch.uint8)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (batch_size,))

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = network((images.float() - 115) / 64)
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
    """Warm up, then time a few steps whenever a line comes in, and answer with images a second."""
    library, precision, *mode = subject.split()
    work = ours(precision, batch_size) if library == "ours" else pytorch(precision, mode[0], batch_size)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        images = work()
        print(images / (time.perf_counter() - start), flush=True)


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
    processes = {}
    for subject in SUBJECTS:  # one after the other: compiling and warming up are heavy
        command = [sys.executable, __file__, "--worker", subject, "--batch-size", str(arguments.batch_size)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while (line := process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"{subject} failed to start; is its library installed?")
        processes[subject] = process
        print(f"{subject} is ready", file=sys.stderr)
    rates = {subject: [] for subject in SUBJECTS}
    for turn in range(arguments.rounds):
        for subject, process in processes.items():
            print("go", file=process.stdin, flush=True)
            rates[subject].append(float(process.stdout.readline()))
        print(f"round {turn + 1} of {arguments.rounds}", file=sys.stderr)
    for process in processes.values():
        process.stdin.close()
        process.wait()
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
