"""Where the time of a TFLite file goes, layer by layer.

    python3 benchmarks/operators.py model.tflite

LiteRT's Python package offers no profile. So the file is cut after each layer, and every beginning of it is timed, in
turn, round after round: what a layer adds to the fastest is its time. Towers are added up. Prints a table of
milliseconds.
"""

import argparse
import re
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils


def layers(graph):
    """The layer of each operator, by the name of what it puts out: `alexnet_paper_1/norm1a_1/Square` is of `norm1a`."""
    found = []
    for operator in graph.operators:
        name = graph.tensors[operator.outputs[0]].name.decode()
        match = re.search(r"/([a-z]+\d?[ab]?)(_\d+)?/", name)
        found.append(match[1] if match else found[-1] if found else "input")
    return found


def beginning(path, count):
    """The file's first `count` operators, without the weights of the others; it puts out what none of them takes."""
    model = flatbuffer_utils.read_model(path)
    (graph,) = model.subgraphs
    graph.operators = graph.operators[:count]
    taken = {index for operator in graph.operators for index in operator.inputs}
    made = {index for operator in graph.operators for index in operator.outputs}
    graph.outputs = np.array(sorted(made - taken), np.int32)
    model.signatureDefs, model.metadata = [], []
    kept = {graph.tensors[index].buffer for index in taken}
    for index, buffer in enumerate(model.buffers):
        if index not in kept:
            buffer.data = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def interpreter(content):
    runner = Interpreter(model_content=content, num_threads=psutil.cpu_count())
    runner.allocate_tensors()
    source = runner.get_input_details()[0]
    runner.set_tensor(
        source["index"], np.random.RandomState(0).randint(0, 256, source["shape"]).astype(source["dtype"])
    )
    return runner


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    names = layers(flatbuffer_utils.read_model(arguments.file).subgraphs[0])
    ends = [end for end in range(1, len(names) + 1) if end == len(names) or names[end] != names[end - 1]]
    runners = [interpreter(beginning(arguments.file, end)) for end in ends]
    times = [[] for _ in runners]
    for _ in range(arguments.rounds):
        for runner, measured in zip(runners, times, strict=True):
            runner.invoke()  # brings its weights back into the caches
            start = time.perf_counter()
            runner.invoke()
            measured.append(time.perf_counter() - start)
    totals = [1000 * min(measured) for measured in times]
    own = defaultdict(float)
    for end, total, before in zip(ends, totals, [0, *totals], strict=False):
        own[re.sub(r"(?<=\d)[ab]$", "", names[end - 1])] += total - before
    for name, milliseconds in own.items():
        print(f"{name:12} {milliseconds:6.2f}  {milliseconds / totals[-1]:5.1%}")
    print(f"{'all':12} {totals[-1]:6.2f}")


if __name__ == "__main__":
    main()
