"""What every source of pictures comes down to: splits in random access over the same classes."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.system.errors import InputError


@dataclass(frozen=True)
class Split:
    """Pictures in random access.

    Attributes:
        names: where each picture came from, for messages.
        labels: `(N,)` int64, 0..classes - 1.
        read: scalar int64 index -> a scalar string, an encoded picture, or `(256, 256, 3)` uint8. Works in tf.data.
        read_batch: `(B,)` int64 indices -> `(B,)` strings, 256-pixel JPEGs, or `(B, 256, 256, 3)` uint8, where a batch
            costs less than its pictures one by one. Works in tf.data.
        problems: a read that fails leaves its reason here, in one line, where tf.data would garble it.
    """

    names: Sequence[str]
    labels: np.ndarray
    read: Callable[[tf.Tensor], tf.Tensor]
    read_batch: Callable[[tf.Tensor], tf.Tensor] | None = None
    problems: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)


def evenly_spaced(length: int, count: int) -> np.ndarray:
    """Up to `count` of the indices 0 to `length - 1`, evenly spaced, with the first and the last: int64, ascending."""
    return np.linspace(0, length - 1, min(length, count)).astype(np.int64)


def sample(split: Split, count: int) -> Split:
    """Up to `count` images of a split, evenly spaced over its order, since many data sets are sorted by class."""
    indices = evenly_spaced(len(split), count)
    return dataclasses.replace(
        split,
        names=[split.names[place] for place in indices],
        labels=split.labels[indices],
        read=lambda index: split.read(tf.gather(indices, index)),
        read_batch=None,
    )


@dataclass(frozen=True)
class Stream:
    """Pictures in the order of the split, as many of them at a time as one asks for; none are held in memory.

    Attributes:
        count: number of pictures.
        name: place -> where that picture came from, for messages.
        elements: `(start, stop)` -> one element for each of these places, in order.
        load: an element -> the picture, a scalar string or `(H, W, 3)` uint8, with its label, a scalar int64, and its
            name, a scalar string that may be empty. Works in tf.data, where several can be loaded at once.
    """

    count: int
    name: Callable[[int], str]
    elements: Callable[[int, int], tf.data.Dataset]
    load: Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


@dataclass(frozen=True)
class DataSet:
    """Two splits over the same classes. Each is opened when it is first asked for: evaluation needs only one.

    Attributes:
        name: what to call it.
        class_names: in the order of the labels.
        open_split: `"train"` or `"validation"` -> the split.
        open_stream: the same for a stream, where a split in random access would have to be held in memory.
        statistics: of the training pictures' colours, where they were measured before.
    """

    name: str
    class_names: tuple[str, ...]
    open_split: Callable[[str], Split]
    open_stream: Callable[[str], Stream] | None = None
    statistics: ColorStatistics | None = None

    @functools.cached_property
    def train(self) -> Split:
        return self._checked("train")

    @functools.cached_property
    def validation(self) -> Split:
        return self._checked("validation")

    def _checked(self, name: str) -> Split:
        split = self.open_split(name)
        wrong = np.flatnonzero((split.labels < 0) | (split.labels >= len(self.class_names)))
        if len(wrong):
            raise self.label_error(split.names[int(wrong[0])], int(split.labels[wrong[0]]))
        return split

    def label_error(self, image: str, label: int) -> InputError:
        return InputError(
            f"{image} has the label {label}, but {self.name} has {len(self.class_names)} classes, "
            f"0 to {len(self.class_names) - 1}; mend its labels."
        )

    def stream(self, name: str) -> Stream:
        """The pictures of `"train"` or `"validation"` in order, for one pass over them."""
        if self.open_stream is not None:
            return self.open_stream(name)
        split = self.train if name == "train" else self.validation
        labels = tf.constant(split.labels)
        return Stream(
            len(split),
            split.names.__getitem__,
            tf.data.Dataset.range,
            lambda index: (split.read(index), labels[index], tf.constant("")),
        )
