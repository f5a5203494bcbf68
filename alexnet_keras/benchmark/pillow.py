"""The loader that most people write: Pillow in two processes. It imports neither TensorFlow nor the package's data."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from alexnet_keras.benchmark import Work
from alexnet_keras.config.training import STORED_SIZE

PROCESSES = 2
CHUNK = 16  # pictures that a process takes at a time


def loader(pool: ProcessPoolExecutor, images: Sequence[bytes], size: int) -> Work:
    """Decode, resize, crop and mirror each picture once. The images stay where they were made: no pipe slows them.

    Args:
        pool: of `PROCESSES` processes.
        pictures: encoded.
        size: side of the crops in pixels.
    """
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]

    def work() -> int:
        return sum(pool.map(load, chunks, [size] * len(chunks)))

    return work


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(PROCESSES, get_context("spawn"))  # a fork of TensorFlow's threads would hang


def load(images: Sequence[bytes], size: int) -> int:
    """What a process does; returns how many images it has made."""
    import numpy as np
    from PIL import Image

    for picture in images:
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        scale = STORED_SIZE / min(image.size)
        width, height = round(image.width * scale), round(image.height * scale)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        random = np.frombuffer(os.urandom(3), np.uint8)
        left = (width - STORED_SIZE) // 2 + int(random[0]) % (STORED_SIZE - size + 1)
        top = (height - STORED_SIZE) // 2 + int(random[1]) % (STORED_SIZE - size + 1)
        pixels = np.asarray(image.crop((left, top, left + size, top + size)))
        np.ascontiguousarray(pixels[:, ::-1] if random[2] % 2 else pixels)
    return len(images)
