"""Load ONNX files with onnxruntime. This module needs the extra `onnx`."""

import contextlib
import json
import mmap
import os
from pathlib import Path

import numpy as np

from alexnet_keras.inference import label_files
from alexnet_keras.inference.predictor import Predictor, unreadable
from alexnet_keras.inference.signature import Port, check_classes, check_elements, image_side
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.protobuf import messages


def load(path: Path) -> Predictor:
    """Load an ONNX file for ONNX Runtime."""
    try:
        import onnxruntime

        quantized = _check(path)  # imports onnx
    except ImportError as error:
        raise OptionError(
            f"{path} needs the package {error.name}; install it with `pip install 'alexnet-keras[onnx]'`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    options.log_severity_level = 3  # errors only; they are raised as exceptions, too
    if not quantized:
        # A copy of 228 MB of weights in another order takes 0.3 s and gains nothing. Without that of int8 weights, an
        # image takes 217 ms instead of 66.
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        properties = session.get_modelmeta().custom_metadata_map
        names = label_files.decode({label_files.NAMES: properties["class_names"].encode()}, str(path))
    except InputError:
        raise
    except Exception as error:  # onnxruntime raises errors of its own
        raise unreadable(path, "an ONNX file") from error
    inputs, outputs = (
        [Port(node.shape, "float32" if node.type == "tensor(float)" else node.type) for node in nodes]
        for nodes in (session.get_inputs(), session.get_outputs())
    )
    side = image_side(str(path), inputs)
    check_classes(str(path), outputs, names)
    source = session.get_inputs()[0].name

    def predict(batch: np.ndarray) -> np.ndarray:
        return session.run(None, {source: batch.astype(np.float32)})[0]

    prepared: dict[str, object] = {}
    with contextlib.suppress(ValueError):  # of another program
        prepared = {name: json.loads(properties[name]) for name in ("upright", "stored_size") if name in properties}
    return Predictor(predict, side, names, str(path), properties.get("quantize") == "int8", prepared=prepared)


def _check(path: Path) -> bool:
    """Refuse a file that needs other files or too much memory; return whether it has int8 weights."""
    import onnx

    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,  # a copy of 228 MB takes 0.1 s
            memoryview(content) as view,
        ):
            model = onnx.ModelProto.FromString(view)
    except Exception as error:  # each implementation of protobuf raises its own
        raise unreadable(path, "an ONNX file") from error
    shapes, quantized = [], False
    for message in messages(model):
        if isinstance(message, onnx.TensorProto):
            if message.external_data or message.data_location == onnx.TensorProto.EXTERNAL:
                raise InputError(
                    f"{path} reads its array {message.name!r} from another file; write a file that holds all arrays."
                )
            shapes.append(message.dims)
            quantized |= message.data_type == onnx.TensorProto.INT8
        elif isinstance(message, onnx.TensorShapeProto):
            shapes.append([side.dim_value for side in message.dim])
    check_elements(str(path), shapes)
    return quantized
