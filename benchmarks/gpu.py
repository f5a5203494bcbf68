"""Compare the training step of this package on one GPU, with Keras's JAX backend, with that of PyTorch, in alternation.

    python3 -m pip install keras jax[cuda13] torch && python3 benchmarks/gpu.py

All subjects train the network of the paper in bfloat16 on random images that are on the GPU. Each library runs in its
own process. The script prints a table, or JSON with `--json`. The fraction is that of the fastest multiplication of two
matrices in bfloat16.
"""

import argparse
import json
import os
import statistics
import sys

from jax_step import state_of, step_function
from processes import answer, measure, start, stop
from pytorch_network import network

CLASSES, SIZE, MATRIX = 1000, 227, 8192
OURS, EAGER, COMPILED = SUBJECTS = ("Keras and JAX", "PyTorch eager", "PyTorch compiled")
IMAGES = 8_192  # of one measurement


def ours(batch_sizes):
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # other processes need memory of the same GPU
    import jax
    import keras
    import numpy as np

    from alexnet_keras import AlexNet
    from alexnet_keras.training.compile import smoothed_crossentropy
    from alexnet_keras.training.optimizer import KrizhevskySGD

    model = AlexNet(classes=CLASSES, classifier_activation=None, dtype="mixed_bfloat16")
    optimizer = KrizhevskySGD(1e-4)
    keras.utils.set_random_seed(0)
    step = jax.jit(step_function(model, optimizer, smoothed_crossentropy(0.0)), donate_argnums=0)
    state = [state_of(model, optimizer)]

    def steps(batch_size):
        random = np.random.RandomState(0)
        images = jax.device_put(random.randint(0, 256, (batch_size, SIZE, SIZE, 3), np.uint8))
        labels = jax.device_put(random.randint(0, CLASSES, batch_size))

        def work():
            count = max(1, IMAGES // batch_size)
            for _ in range(count):
                state[0], loss, _ = step(state[0], images, labels)
            assert np.isfinite(float(loss))  # waits for the GPU
            return count * batch_size

        return work

    matrix = jax.random.normal(jax.random.key(0), (MATRIX, MATRIX), jax.numpy.bfloat16)
    multiply = jax.jit(lambda a, b: a @ b)
    return {str(size): steps(size) for size in batch_sizes} | {"matrix": products(multiply, matrix, float)}


def products(multiply, matrix, read):
    """Matrix products per second, times their floating-point operations."""

    def work(count=16):
        for _ in range(count):
            result = multiply(matrix, matrix)
        read(result[0, 0])
        return count * 2 * MATRIX**3

    return work


def pytorch(compiled, batch_sizes):
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    model = network(CLASSES).to("cuda", memory_format=torch.channels_last)
    forward = torch.compile(model, dynamic=False) if compiled else model
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, fused=True)

    def steps(batch_size):
        images = torch.randint(0, 256, (batch_size, 3, SIZE, SIZE), dtype=torch.uint8, device="cuda")
        images = images.to(memory_format=torch.channels_last)
        labels = torch.randint(0, CLASSES, (batch_size,), device="cuda")

        def work():
            count = max(1, IMAGES // batch_size)
            for _ in range(count):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast("cuda", torch.bfloat16):
                    logits = forward((images.float() - 115) / 64)
                loss = nn.functional.cross_entropy(logits.float(), labels)
                loss.backward()
                optimizer.step()
            assert torch.isfinite(loss).item()  # waits for the GPU
            return count * batch_size

        return work

    matrix = torch.randn(MATRIX, MATRIX, dtype=torch.bfloat16, device="cuda")
    return {str(size): steps(size) for size in batch_sizes} | {"matrix": products(torch.matmul, matrix, float)}


def worker(subject, batch_sizes):
    works = ours(batch_sizes) if subject == OURS else pytorch(subject == COMPILED, batch_sizes)
    for work in works.values():  # compile, and choose the fastest kernels
        work()
        work()
    answer(works)


def device():
    import torch

    return torch.cuda.get_device_name()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[128, 512, 2048])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.batch_sizes)
        return
    sizes = list(map(str, arguments.batch_sizes))
    rates = {line: {subject: [] for subject in SUBJECTS} for line in ["matrix", *sizes]}
    for size in sizes:  # each size has processes of its own, which share the memory of the card
        processes = start(__file__, SUBJECTS, ["--batch-sizes", size], together=True)
        for number in range(arguments.rounds):
            for line in ("matrix", size):
                for subject, values in rates[line].items():
                    values.append(measure(processes[subject], line))
            print(f"batches of {size}, round {number + 1} of {arguments.rounds}: {json.dumps(rates)}", file=sys.stderr)
        stop(processes)
    report(rates, sizes, arguments.json)


def report(rates, sizes, as_json):
    medians = {
        line: {subject: statistics.median(values) for subject, values in each.items()} for line, each in rates.items()
    }
    peak = max(medians["matrix"].values())
    operations = operations_of_image()
    if as_json:
        print(json.dumps({"device": device(), "operations_per_image": operations, "peak": peak, "rates": rates}))
        return
    print(f"{device()}: {peak / 1e12:,.0f} TFLOP/s in a matrix multiplication; {operations / 1e9:.2f} GFLOP an image")
    print("| batch | subject | images per second | fraction of the matrix multiplication | ours over it |")
    print("| --- | --- | --- | --- | --- |")
    for size in sizes:
        for subject in SUBJECTS:
            values, median = rates[size][subject], medians[size][subject]
            spread = f"{median:,.0f} ({min(values):,.0f} to {max(values):,.0f})"
            ratio = medians[size][OURS] / median
            print(f"| {size} | {subject} | {spread} | {median * operations / peak:.2f} | {ratio:.2f} |")


def operations_of_image():
    os.environ.update(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
    from alexnet_keras import AlexNet
    from alexnet_keras.model.summary import training_operations

    return training_operations(AlexNet(classes=CLASSES))


if __name__ == "__main__":
    main()
