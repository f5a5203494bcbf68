"""Load TFLite files with LiteRT."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from alexnet_keras.inference import label_files
from alexnet_keras.inference.predictor import Predictor, unreadable
from alexnet_keras.inference.signature import MOST_ELEMENTS, Port, check_classes, image_side
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError

METADATA = "metadata.json"
TRIAL = Path(__file__).with_name("tflite_trial.py")


def load(path: Path) -> Predictor:
    """Load a file that `export` wrote; it takes as many images in one call as it was written for.

    LiteRT trusts the file: a single wrong bit can crash the process, make it compute for hours, or fill the memory. So
    another process with limits opens the file first and predicts one batch.

    Raises:
        InputError: the file is damaged, needs too much memory or time, or holds no classifier of images.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - label_files.LIMIT))
            with zipfile.ZipFile(io.BytesIO(file.read())) as archive:  # it is at the end; LiteRT maps the rest
                known = {label_files.NAMES, label_files.LABELS, METADATA} & set(archive.namelist())
                if any(archive.getinfo(name).file_size > label_files.LIMIT for name in known):
                    raise unreadable(path, "a TFLite file")
                files = {name: archive.read(name) for name in known}
        names = label_files.decode(files, str(path))
        rounded = json.loads(files[METADATA])["quantize"].startswith("int8")
        trial = [sys.executable, "-P", str(TRIAL), str(path), str(MOST_ELEMENTS)]
        subprocess.run(trial, check=True, capture_output=True)
        with native_stderr.silenced():
            interpreter = Interpreter(model_path=str(path), num_threads=os.cpu_count())
            interpreter.allocate_tensors()
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib, json, LiteRT and the other process each raise their own kinds
        raise unreadable(path, "a TFLite file") from error
    sources, targets = interpreter.get_input_details(), interpreter.get_output_details()
    side = image_side(str(path), [_port(source) for source in sources])
    check_classes(str(path), [_port(target) for target in targets], names)
    source, target = sources[0], targets[0]
    if source["dtype"] == np.uint8 and source["quantization"] != (1.0, 0):
        raise InputError(f"{path} takes numbers of the scale {source['quantization']}, not pixels; export it again.")
    size = int(source["shape"][0])

    def call(images: np.ndarray) -> np.ndarray:
        batch = np.zeros(source["shape"], source["dtype"])  # a uint8 input has the scale 1, so it takes images as is
        batch[: len(images)] = images
        interpreter.set_tensor(source["index"], batch)
        interpreter.invoke()
        outputs = interpreter.get_tensor(target["index"])[: len(images)]
        scale, zero_point = target["quantization"]
        return (outputs.astype(np.float32) - zero_point) * scale if scale else outputs

    def predict(batch: np.ndarray) -> np.ndarray:
        return np.concatenate([call(batch[start : start + size]) for start in range(0, len(batch), size)])

    return Predictor(predict, side, names, str(path), rounded)


def _port(details: Mapping[str, Any]) -> Port:
    return Port(details["shape"].tolist(), np.dtype(details["dtype"]).name)
