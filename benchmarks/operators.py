"""Measure the time of each operator of an export with one image in a call.

    python3 benchmarks/operators.py model.tflite model-int8.tflite model.onnx saved_model model.keras

The profilers of LiteRT (through its C interface, because its Python package has none), onnxruntime and TensorFlow
measure the operators. The script prints a line for each model: milliseconds of a call, the fraction of convolutions,
normalization, pooling, fully connected layers (products) and the rest, and the slowest operator.
"""

import argparse
import ctypes
import json
import re
import tempfile
from collections import defaultdict
from ctypes import byref, c_char_p, c_int, c_int32, c_size_t, c_uint, c_uint32, c_void_p
from pathlib import Path

import ai_edge_litert
import numpy as np
import psutil
from ai_edge_litert.interpreter import Interpreter

CALLS, WARMUP = 50, 5
ELEMENTS = {np.float32: 1, np.uint8: 3, np.int8: 9}  # LiteRtElementType
PARTS = ("convolutions", "normalization", "pooling", "products", "rest")


class Layout(ctypes.Structure):
    _fields_ = (("rank", c_uint), ("dimensions", c_int32 * 8), ("strides", c_uint32 * 8))


class TensorType(ctypes.Structure):
    _fields_ = (("element", c_int), ("layout", Layout))


class LiteRt:
    """A TFLite file in the C interface of LiteRT, which has a profiler."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))
        self.kept = []  # memory that the library may read later
        self.environment, model, options, self.model = (c_void_p() for _ in range(4))
        self.call("CreateEnvironment", 0, None, byref(self.environment))
        self.call("CreateModelFromFile", self.environment, str(path).encode(), byref(model))
        self.call("CreateOptions", byref(options))
        self.call("SetOptionsHardwareAccelerators", options, 1)  # the CPU
        self.add(options, b"runtime_options_string", b"enable_profiling = true\n")
        self.add(options, b"xnnpack", f"num_threads = {psutil.cpu_count()}\n".encode())
        self.call("CreateCompiledModel", self.environment, model, options, byref(self.model))
        interpreter = Interpreter(str(path))
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        self.input, self.output = self.buffer("Input", source), self.buffer("Output", target)
        pixels = pixels_of(source["shape"]).astype(source["dtype"])
        address = c_void_p()
        self.call("LockTensorBuffer", self.input, byref(address), 1)  # to write
        ctypes.memmove(address, pixels.ctypes.data, pixels.nbytes)
        self.call("UnlockTensorBuffer", self.input)

    def call(self, name, *arguments):
        function = getattr(self.library, f"LiteRt{name}")
        function.restype = c_int
        if status := function(*arguments):
            raise RuntimeError(f"LiteRt{name} returned {status}.")

    def add(self, options, kind, text):
        opaque = c_void_p()
        nothing = ctypes.CFUNCTYPE(None, c_void_p)(lambda pointer: None)
        names = ctypes.create_string_buffer(kind), ctypes.create_string_buffer(text)
        self.kept += [*names, nothing]
        self.call("CreateOpaqueOptions", names[0], ctypes.cast(names[1], c_void_p), nothing, byref(opaque))
        self.call("AddOpaqueOptions", options, opaque)

    def buffer(self, kind, details):
        requirements, buffer = c_void_p(), c_void_p()
        self.call(
            f"GetCompiledModel{kind}BufferRequirements", self.model, c_size_t(0), c_size_t(0), byref(requirements)
        )
        shape = [int(side) for side in details["shape"]]
        tensor = TensorType(ELEMENTS[details["dtype"]], Layout(len(shape), (c_int32 * 8)(*shape)))
        self.call(
            "CreateManagedTensorBufferFromRequirements", self.environment, byref(tensor), requirements, byref(buffer)
        )
        return buffer

    def run(self):
        one = c_size_t(1)
        self.call("RunCompiledModel", self.model, c_size_t(0), one, byref(self.input), one, byref(self.output))

    def profile(self):
        """Return the operators in the order in which they run, and the milliseconds of each in a call."""
        for _ in range(WARMUP):
            self.run()
        profiler, summary = c_void_p(), c_char_p()
        self.call("CompiledModelGetProfiler", self.model, byref(profiler))
        self.call("StartProfiler", profiler)
        for _ in range(CALLS):
            self.run()
        self.call("StopProfiler", profiler)
        self.call("GetProfileSummary", profiler, self.model, byref(summary))
        table = summary.value.decode().split("Run Order")[1].split("Top by Computation Time")[0]
        #       operator     start   first   average  share      all        memory  called
        row = r"^ *(\S.*?) +[\d.]+ +[\d.]+ +([\d.]+) +[\d.]+% +[\d.]+% +[\d.]+ +(\d+)"
        return [
            (operator, float(average) * int(called) / CALLS)
            for operator, average, called in re.findall(row, table, re.MULTILINE)
        ]


def litert(path):
    found, before = [], ""
    for operator, milliseconds in LiteRt(path).profile():
        name = operator.removeprefix("Delegate/")
        if re.match("Square|Reciprocal|Multiply|LOG|EXP", name) or before.startswith("Square ("):
            part = "normalization"  # the sum over the window follows the squares
        else:
            kinds = {"Convolution": "convolutions", "Max Pooling": "pooling", "Fully Connected": "products"}
            part = next((part for kind, part in kinds.items() if name.startswith(kind)), "rest")
        found.append((name, part, milliseconds))
        before = name
    return found


def of_layer(name):
    """Return the part to which an operator belongs, by the layer in its name, such as `alexnet_paper/norm1a/MatMul`."""
    kinds = {"convolutions": "conv", "normalization": "norm|spatialnorm|batchnorm", "pooling": "pool", "products": "fc"}
    return next((part for part, kind in kinds.items() if re.search(rf"(?<![a-z])({kind})\d", name)), "rest")


def onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_profiling, options.intra_op_num_threads = True, psutil.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(path), options)
        (source,) = session.get_inputs()
        pixels = pixels_of([1, *source.shape[1:]])
        for _ in range(WARMUP + CALLS):
            session.run(None, {source.name: pixels})
        events = json.loads(Path(session.end_profiling()).read_text())
    spent = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["name"].removesuffix("_kernel_time")].append(event["dur"] / 1000)
    return [(name, of_layer(name), float(np.median(durations[WARMUP:]))) for name, durations in spent.items()]


def tensorflow(path):
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from alexnet_keras.inference.predictor import load_predictor

    predictor = load_predictor(path)
    pixels = pixels_of([1, predictor.input_size, predictor.input_size, 3]).astype(np.uint8)
    for _ in range(WARMUP):
        predictor.predict(pixels)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(CALLS):
            predictor.predict(pixels)
        tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    times = defaultdict(float)
    for plane in space.planes:
        names = {number: metadata.name for number, metadata in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            name = names[event.metadata_id]
            if re.fullmatch(r"[\w/.]+:\w+", name):  # name and kind of an operator
                times[name] += event.duration_ps / 1e9 / CALLS
    return [(name, of_layer(name), milliseconds) for name, milliseconds in times.items()]


def pixels_of(shape):
    return np.random.RandomState(0).randint(0, 256, shape).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    profilers = {".tflite": litert, ".onnx": onnx}
    print(f"{'milliseconds':28}" + "".join(f"{part:>16}" for part in (*PARTS, "all")) + "  slowest operator")
    for path in parser.parse_args().models:
        operators = profilers.get(path.suffix, tensorflow)(path)
        times = {part: sum(spent for _, each, spent in operators if each == part) for part in PARTS}
        total = sum(times.values())
        cells = [f"{spent:.2f} {spent / total:5.1%}" for spent in times.values()]
        name, part, slowest = max(operators, key=lambda operator: operator[2])
        line = "".join(f"{cell:>16}" for cell in (*cells, f"{total:.2f}"))
        print(f"{path.name:28}{line}  {name}, of {part}, {slowest:.2f}", flush=True)


if __name__ == "__main__":
    main()
