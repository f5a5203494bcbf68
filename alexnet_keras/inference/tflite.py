"""Load TFLite files with LiteRT, in a process of its own."""

import contextlib
import io
import json
import math
import os
import subprocess
import sys
import weakref
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_keras.inference import label_files
from alexnet_keras.inference.predictor import Predictor, unreadable
from alexnet_keras.inference.signature import MOST_ELEMENTS, Port, check_classes, image_side
from alexnet_keras.system.errors import InputError

if TYPE_CHECKING:
    import numpy as np

METADATA = "metadata.json"
PROGRAM = Path(__file__).with_name("tflite_runner.py")
# NumPy multiplies no matrices there, and huge pages of memory take a tenth of a second less for 228 MB of weights.
QUICK = {"OPENBLAS_NUM_THREADS": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Runner:
    """The process that predicts with a TFLite file. It ends with this object.

    LiteRT trusts the file: a single wrong bit can crash the process, make it compute for hours, or fill the memory. So
    another process, which has limits, opens the file.
    """

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-P", str(PROGRAM), str(path), str(MOST_ELEMENTS)]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._path = path
        self._process: Any = subprocess.Popen(command, env={**QUICK, **os.environ}, **pipes)
        self._end = weakref.finalize(self, _kill, self._process)

    def signature(self) -> list[list[dict[str, Any]]]:
        """Return the details of the inputs and of the outputs of the model."""
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._failed()
        return json.loads(line)

    def outputs(self, batch: bytes, size: int) -> bytes:
        """Return the `size` bytes of the outputs for a batch."""
        found = b""
        try:
            with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: a batch before has failed
                self._process.stdin.write(batch)
                self._process.stdin.flush()
                found = self._process.stdout.read(size)
        finally:
            if len(found) < size:  # also after Ctrl-C: the rest would be taken for the outputs of the next batch
                self._end()
        if len(found) < size:
            raise self._failed()
        return found

    def _failed(self) -> InputError:
        return unreadable(self._path, "a TFLite file")


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with contextlib.suppress(BrokenPipeError), process:
        pass  # closes the pipes and waits


def load(path: Path) -> Predictor:
    """Load a file that `export` wrote; it takes as many images in one call as it was written for.

    The predictor raises `InputError` if the file makes the process crash, or use too much memory or time.
    """
    runner = Runner(path)
    import numpy as np  # meanwhile the process imports it, too

    try:
        files = _files(path)
        names = label_files.decode(files, str(path))
        metadata = json.loads(files[METADATA])
        rounded = metadata["quantize"].startswith("int8")
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and json each raise their own kinds
        raise unreadable(path, "a TFLite file") from error
    sources, targets = runner.signature()
    side = image_side(str(path), [_port(source) for source in sources])
    check_classes(str(path), [_port(target) for target in targets], names)
    source, target = sources[0], targets[0]
    if source["dtype"] == "uint8" and source["quantization"] != [1, 0]:
        raise InputError(f"{path} takes numbers of the scale {source['quantization']}, not pixels; export it again.")
    size, shape, dtype = source["shape"][0], target["shape"], np.dtype(target["dtype"])
    scale, zero_point = target["quantization"]

    def call(images: "np.ndarray") -> "np.ndarray":
        batch = np.zeros(source["shape"], np.uint8)
        batch[: len(images)] = images
        outputs = np.frombuffer(runner.outputs(batch.tobytes(), math.prod(shape) * dtype.itemsize), dtype)
        outputs = outputs.reshape(shape)[: len(images)]
        return (outputs.astype(np.float32) - zero_point) * scale if scale else outputs

    def predict(batch: "np.ndarray") -> "np.ndarray":
        return np.concatenate([call(batch[start : start + size]) for start in range(0, len(batch), size)])

    return Predictor(predict, side, names, str(path), rounded, prepared=metadata)


def _files(path: Path) -> Mapping[str, bytes]:
    """Read the small files behind the model, which LiteRT ignores."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - label_files.LIMIT))
        with zipfile.ZipFile(io.BytesIO(file.read())) as archive:
            known = {label_files.NAMES, label_files.LABELS, METADATA} & set(archive.namelist())
            if any(archive.getinfo(name).file_size > label_files.LIMIT for name in known):
                raise unreadable(path, "a TFLite file")
            return {name: archive.read(name) for name in known}


def _port(details: Mapping[str, Any]) -> Port:
    return Port(details["shape"], details["dtype"])
