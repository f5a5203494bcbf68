"""Compare the inference of model files with that of the same network in PyTorch, in alternation.

    python3 -m pip install torch==2.13.0 && python3 benchmarks/inference.py model.tflite model.onnx

A model file is any that `alexnet-keras predict` takes; onnxruntime runs an `.onnx`. Each subject runs in its own
process. The network of PyTorch has 10 classes and random weights, which do not change its speed. The script prints a
table, or JSON with `--json`.
"""

import argparse
import json
import os
import statistics
from pathlib import Path

from processes import alternate, answer
from pytorch_network import network

PYTORCH = ["pytorch eager", "pytorch compiled"]
CLASSES, SIZE = 10, 227
CALLS = {1: 20, 32: 2}  # images in a call -> calls in a measurement


def ours(path):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from alexnet_keras.inference.predictor import load_predictor

    return load_predictor(Path(path)).predict


def pytorch(mode):
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = network(CLASSES).eval().to(memory_format=torch.channels_last)
    forward = torch.compile(model) if mode == "compiled" else model

    def predict(images):
        with torch.inference_mode():
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2)  # channels_last as it is
            return torch.softmax(forward((pixels.float() - 115) / 64), dim=1).numpy()

    return predict


def worker(subject, batch_size):
    import numpy as np

    predict = pytorch(subject.split()[1]) if subject in PYTORCH else ours(subject)
    images = np.random.RandomState(0).randint(0, 256, (batch_size, SIZE, SIZE, 3), np.uint8)

    def work():
        for _ in range(CALLS[batch_size]):
            predict(images)
        return CALLS[batch_size] * batch_size

    work()
    answer(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODEL", nargs="*")
    parser.add_argument("--batch-size", type=int, choices=CALLS, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.batch_size)
        return
    subjects = [*arguments.models, *PYTORCH]
    rates = alternate(__file__, subjects, ["--batch-size", str(arguments.batch_size)], arguments.rounds)
    medians = {subject: statistics.median(values) for subject, values in rates.items()}
    if arguments.json:
        spread = {subject: [min(values), max(values)] for subject, values in rates.items()}
        print(json.dumps({"images_per_second": medians, "spread": spread}))
        return
    for subject, values in rates.items():
        each = f"{1000 / medians[subject]:6.2f} ms an image"
        print(f"{subject:40} {each}  {medians[subject]:6.1f} images/s  ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
