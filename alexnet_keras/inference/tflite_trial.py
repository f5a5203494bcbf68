"""A program that predicts one batch with a TFLite file within limits; it fails, or is killed, if the file is damaged.

It imports nothing of this package, because it must start quickly.
"""

import math
import sys

import psutil
from ai_edge_litert.interpreter import Interpreter

MOST_BYTES = 2**32  # of address space above that of a process without a model
SECONDS = 5  # of one thread, and one more for each image of a batch; the paper's network takes 0.02


def limit(name: str, value: int) -> None:
    """Set a limit of this process; Windows has none, but there a damaged file ends this process, too."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(getattr(resource, name), (value, value))


def main(path: str, most_elements: int) -> None:
    start = psutil.Process().memory_info().vms
    limit("RLIMIT_AS", start + MOST_BYTES)
    limit("RLIMIT_CORE", 0)
    model = Interpreter(model_path=path, num_threads=1)
    sizes = [math.prod(map(int, details["shape"])) for details in model.get_tensor_details()]
    if max(sizes) > most_elements:
        sys.exit("The file declares an array that is too large.")
    limit("RLIMIT_CPU", SECONDS + int(model.get_input_details()[0]["shape"][0]))
    model.allocate_tensors()
    model.invoke()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
