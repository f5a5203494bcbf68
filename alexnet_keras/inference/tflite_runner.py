"""A program that predicts with a TFLite file within limits; it fails, or is killed, if the file is damaged.

It writes one line of JSON about the model, and then the outputs of each batch that it reads. It imports nothing of this
package, because it must start quickly.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MOST_BYTES = 2**32  # of address space above that of a process without a model
THREAD_BYTES = 2**27  # of address space that a thread reserves for its stack and its small arrays
SECONDS = 10  # of processor time, and one more for each image of a batch; the paper's network takes 0.04
MOST_IMAGES = 64  # in a batch that `export` writes
MOST_WAIT = 300  # seconds until a batch is predicted, of which a busy machine may give few to this process


def limit(name: str, value: int) -> None:
    """Set a limit of this process; Windows has none, but there a damaged file ends this process, too."""
    try:
        import resource
    except ImportError:
        return
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def limit_memory(threads: int) -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():  # other systems do not enforce such a limit
        start = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limit("RLIMIT_AS", start + MOST_BYTES + threads * THREAD_BYTES)


def limit_time(seconds: int, wait: int = MOST_WAIT) -> None:
    limit("RLIMIT_CPU", int(time.process_time()) + seconds)
    if hasattr(signal, "alarm"):
        signal.alarm(wait)


def port(details: dict[str, Any]) -> dict[str, Any]:
    names = {"shape": details["shape"].tolist(), "dtype": np.dtype(details["dtype"]).name}
    return {**names, "quantization": list(map(float, details["quantization"]))}


def main(path: str, most_elements: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that runs this one
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # for what LiteRT may print
    threads = os.cpu_count() or 1
    limit_memory(threads)
    limit("RLIMIT_CORE", 0)
    limit_time(SECONDS)
    model = Interpreter(model_path=path, num_threads=threads)
    if max(math.prod(map(int, details["shape"])) for details in model.get_tensor_details()) > most_elements:
        sys.exit("The file declares an array that is too large.")
    inputs, outputs = model.get_input_details(), model.get_output_details()
    results.write(json.dumps([[port(details) for details in found] for found in (inputs, outputs)]).encode() + b"\n")
    results.flush()
    source, target = inputs[0], outputs[0]
    size, seconds = math.prod(source["shape"]), SECONDS + min(int(source["shape"][0]), MOST_IMAGES)
    model.allocate_tensors()
    while True:
        limit_time(seconds, wait=0)
        images = sys.stdin.buffer.read(size)
        if not images:
            return
        limit_time(seconds)
        batch = np.frombuffer(images, np.uint8).reshape(source["shape"])
        model.set_tensor(source["index"], batch.astype(source["dtype"]))
        model.invoke()
        probabilities = model.get_tensor(target["index"])
        if probabilities.shape != tuple(target["shape"]):
            sys.exit("The outputs have another shape than the file declares.")
        results.write(probabilities.tobytes())
        results.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
