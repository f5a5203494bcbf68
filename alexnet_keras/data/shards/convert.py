"""Convert images to the form that shards store: decode, resize and encode several at once, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from alexnet_keras.config.ranges import Jobs, OneOf, check_fields
from alexnet_keras.config.training import ENCODINGS, ON_ERROR, STORED_SIZE, StoredSize
from alexnet_keras.data import image_ops
from alexnet_keras.data.dataset import Stream, plain_graph
from alexnet_keras.data.image_files import why_refused
from alexnet_keras.system.errors import InputError

QUALITY = 95  # of JPEG, with halved colour resolution: 24 to 32 KB a photograph


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings with which images are stored.

    Attributes:
        jobs: number of images to convert at the same time.
    """

    size: StoredSize = STORED_SIZE
    encoding: Annotated[str, OneOf(ENCODINGS)] = ENCODINGS[0]
    jobs: Jobs = 1
    on_error: Annotated[str, OneOf(ON_ERROR)] = ON_ERROR[0]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Stored:
    """A converted image, or the reason why it cannot be converted.

    Attributes:
        record: the bytes to store.
        reason: why the image cannot be used, as a phrase that follows its name in a message.
    """

    name: str
    label: int = -1
    record: bytes = b""
    pixels: np.ndarray | None = None
    color_sums: np.ndarray | None = None
    reason: str | None = None


def conversion(stream: Stream, settings: Settings) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return the function of an element that decodes, resizes and encodes it: one for all shards, traced once."""
    size = settings.size

    def convert(*element: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image, label, name = stream.load(*element)
        image = image_ops.resize_and_crop(image, size)  # the compiled loop is no faster here and needs 100 MB
        record = tf.io.encode_jpeg(image, quality=QUALITY) if settings.encoding == "jpeg" else tf.constant("")
        colors = tf.reshape(tf.cast(image, tf.float64), (-1, 3))
        colors = tf.pad(colors, [[0, 0], [0, 1]], constant_values=1)
        return name, label, image, record, tf.matmul(colors, colors, transpose_a=True)

    return tf.function(convert, autograph=False)


def store(
    stream: Stream, convert: Callable[..., tuple[tf.Tensor, ...]], start: int, stop: int, settings: Settings
) -> Iterator[Stored]:
    """Convert the images at `start` to `stop - 1` by `conversion`, in order, `settings.jobs` at once."""
    for index, parts in enumerate(in_threads(stream, convert, start, stop, settings.jobs), start):
        if parts is None:
            yield Stored(stream.name(index), reason=why_unreadable(stream, index))
            continue
        name, label, image, record, color_sums = parts
        data = record if settings.encoding == "jpeg" else image.tobytes()
        yield Stored(name.decode() or stream.name(index), int(label), data, image, color_sums)


def in_threads(
    stream: Stream, function: Callable[..., tuple[tf.Tensor, ...]], start: int, stop: int, jobs: int
) -> Iterator[tuple[Any, ...] | None]:
    """Map elements of a stream, `jobs` at once, in their order; `None` for one that cannot be read."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = jobs
    options.threading.max_intra_op_parallelism = 1  # a thread an image; more threads wait for each other
    options.autotune.enabled = False  # see reading.untuned
    dataset = stream.elements(start, stop).map(plain_graph(function), num_parallel_calls=jobs, deterministic=True)
    elements = iter(dataset.prefetch(2).with_options(options))
    for index in range(start, stop):
        try:
            parts = next(elements)
        except StopIteration as error:
            raise InputError(
                f"{stream.name(index)} is missing: the data set ends before it; build or download the data set again."
            ) from error
        except tf.errors.OpError:  # of this image alone: the iterator continues with the next one
            yield None
        else:
            yield tuple(part.numpy() for part in parts)


def why_unreadable(stream: Stream, index: int) -> str:
    """Return why an image cannot be used, as a phrase that follows its name in a message."""
    try:
        for element in stream.elements(index, index + 1):
            encoded, _, _ = stream.read(*(element if isinstance(element, tuple) else (element,)))
            return why_refused(encoded.numpy())
    except tf.errors.OpError:
        pass
    return "cannot be read from the disk"
