"""A loader that decodes with Pillow in two processes, for comparison. It does not import TensorFlow."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from alexnet_keras.benchmark import Work

PROCESSES = 2
CHUNK = 16  # images in a task


def loader(pool: ProcessPoolExecutor, images: Sequence[bytes], size: int, stored_size: int) -> Work:
    """Return work that decodes, resizes, crops and flips each image once.

    The pixels stay in the processes, so that no pipe between processes slows the loader.
    """
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]

    def work() -> int:
        return sum(pool.map(load, chunks, [size] * len(chunks), [stored_size] * len(chunks)))

    return work


def processes() -> ProcessPoolExecutor:
    """Start the processes. They are spawned, because a fork of TensorFlow's threads would hang."""
    return ProcessPoolExecutor(PROCESSES, get_context("spawn"))


def load(images: Sequence[bytes], size: int, stored_size: int) -> int:
    """Decode and augment encoded images in one process, and return their number."""
    import numpy as np
    from PIL import Image

    for encoded in images:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        scale = stored_size / min(image.size)
        width, height = round(image.width * scale), round(image.height * scale)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        random = np.frombuffer(os.urandom(3), np.uint8)
        left = (width - stored_size) // 2 + int(random[0]) % (stored_size - size + 1)
        top = (height - stored_size) // 2 + int(random[1]) % (stored_size - size + 1)
        pixels = np.asarray(image.crop((left, top, left + size, top + size)))
        np.ascontiguousarray(pixels[:, ::-1] if random[2] % 2 else pixels)
    return len(images)
