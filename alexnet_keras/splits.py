"""What every source of pictures comes down to: splits in random access over the same classes."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from alexnet_keras.config import InputError
from alexnet_keras.moments import ColourStatistics

Picture = bytes | np.ndarray  # an encoded picture, or (H, W, 3) uint8


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


@dataclass(frozen=True)
class Example:
    """One picture of a stream; `read` does the work, so that several can be read at once.

    `read` raises OSError or tf.errors.OpError where the disk does not give the picture.
    """

    name: str
    label: int
    read: Callable[[], Picture]


@dataclass(frozen=True)
class Stream:
    """Pictures in the order of the split, as much of them at a time as one asks for; none are held in memory.

    Attributes:
        count: number of pictures.
        examples: `(start, stop)` -> those pictures, in order.
    """

    count: int
    examples: Callable[[int, int], Iterator[Example]]


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
    statistics: ColourStatistics | None = None

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

    def label_error(self, picture: str, label: int) -> InputError:
        return InputError(
            f"{picture} has the label {label}, but {self.name} has {len(self.class_names)} classes, "
            f"0 to {len(self.class_names) - 1}; mend its labels."
        )

    def stream(self, name: str) -> Stream:
        """The pictures of `"train"` or `"validation"` in order, for one pass over them."""
        if self.open_stream is not None:
            return self.open_stream(name)
        split = self.train if name == "train" else self.validation

        def examples(start: int, stop: int) -> Iterator[Example]:
            for index in range(start, stop):
                yield Example(split.names[index], int(split.labels[index]), functools.partial(_picture, split, index))

        return Stream(len(split), examples)


def _picture(split: Split, index: int) -> Picture:
    picture: Picture = split.read(tf.constant(index, tf.int64)).numpy()
    return picture
