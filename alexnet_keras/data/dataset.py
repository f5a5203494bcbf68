"""The interface that every data source implements: a data set with a training and a validation split."""

import dataclasses
import enum
import functools
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import SPLITS, STORED_SIZE
from alexnet_keras.data import image_ops
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.decode import decode
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.terminal_text import counted

UNSAFE = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories: control characters, bytes that are not UTF-8, line separators
FEW_IMAGES = 100  # of a class

# For what tf.data traces: AutoGraph would first translate each of our functions, for 2.5 s in all, and they need no
# translation, because they contain no `if` or loop over tensors.
plain_graph = tf.autograph.experimental.do_not_convert


class ImageForm(enum.Enum):
    """The form in which a source has its images, from the bytes of a file to pixels."""

    ENCODED = enum.auto()  # scalar string: the bytes of a JPEG, PNG, GIF, BMP or WebP of any size
    STORED_JPEG = enum.auto()  # scalar string: the bytes of a JPEG whose sides are the stored size
    DECODED = enum.auto()  # uint8, 0..255: (stored size, stored size, 3) in a split, (H, W, 3) in a stream


@dataclass(frozen=True)
class Split:
    """Labelled images in random access.

    Attributes:
        names: where each image came from, for messages.
        labels: `(N,)` int64, 0..classes - 1.
        read: scalar int64 index -> the image, as `form` describes it. Works in tf.data.
        read_batch: `(B,)` int64 indices -> `(B, ...)` images, where a batch costs less than its images one by one.
            Works in tf.data.
        problems: a failed read leaves its reason here in one line, because tf.data garbles the messages of exceptions.
    """

    names: Sequence[str]
    labels: np.ndarray
    read: Callable[[tf.Tensor], tf.Tensor]
    read_batch: Callable[[tf.Tensor], tf.Tensor] | None = None
    form: ImageForm = ImageForm.ENCODED
    upright: bool = True
    stored_size: int = STORED_SIZE
    problems: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    @plain_graph
    def pixels(self, index: tf.Tensor) -> tf.Tensor:
        """Read one image of the stored size, uint8, 0..255, whatever form the source has. Works in tf.data."""
        image, size = self.read(index), self.stored_size
        if self.form is not ImageForm.DECODED:
            image = _decoded_and_resized(image, size, self.upright)
        return tf.ensure_shape(image, (size, size, 3))

    def check_crop(self, size: int) -> None:
        if size > self.stored_size:
            raise InputError(
                f"The images are stored at {self.stored_size} pixels, and crops have {size}; "
                "choose a larger `stored_size`, or a network for smaller images."
            )


@tf.function(autograph=False)  # traced once, not for every split: 0.06 s
def _decoded_and_resized(encoded: tf.Tensor, size: int, upright: bool) -> tf.Tensor:
    return image_ops.crop_encoded(encoded, tf.zeros(2, tf.int32), tf.constant(False), size, upright, size)


def split_in_memory(names: Sequence[str], labels: np.ndarray, images: np.ndarray) -> Split:
    """Make a split of `(N, size, size, 3)` uint8 images, with `names` and `labels` as `Split` describes them."""
    held, size = tf.constant(images), images.shape[1]
    gather = functools.partial(tf.gather, held)
    return Split(names, labels, held.__getitem__, gather, ImageForm.DECODED, stored_size=size)


def too_few(images: int, classes: int) -> str:
    """Advise how to train on few images for each class, or return ""."""
    if images >= FEW_IMAGES * classes:
        return ""
    return (
        f"{images / classes:,.0f} training images for each class are few for a network that starts from random weights "
        f"(fewer than {FEW_IMAGES}); use the recipe 'transfer' and a file of trained weights"
    )


def evenly_spaced(length: int, count: int) -> np.ndarray:
    """Return up to `count` of the indices 0 to `length - 1`, evenly spaced from first to last, ascending: int64."""
    return np.linspace(0, length - 1, min(length, count)).astype(np.int64)


def sample(split: Split, count: int) -> Split:
    """Take up to `count` images, of each class in proportion to its images, in the order of the split."""
    return take(split, balanced(split, count))


def balanced(split: Split, count: int) -> np.ndarray:
    """Return the indices of `sample`, ascending: int64.

    Images at equal distances would miss classes if the classes follow one another in a period.
    """
    by_class = np.argsort(split.labels, kind="stable")
    return np.sort(by_class[evenly_spaced(len(split), count)])


def take(split: Split, indices: np.ndarray) -> Split:
    """Return the examples of a split with these indices, in this order, as a split."""
    return dataclasses.replace(
        split,
        names=[split.names[index] for index in indices],
        labels=split.labels[indices],
        read=lambda index: split.read(tf.gather(indices, index)),
        read_batch=None,
    )


@dataclass(frozen=True)
class Stream:
    """Labelled images for one pass in the order of the split, without holding them in memory.

    Attributes:
        name: index -> where that image came from, for messages.
        elements: `(start, stop)` -> one element for each of these indices, in order.
        read: an element -> the image, as `form` describes it, its label, a scalar int64, and its name, a scalar
            string that may be empty. Works in tf.data, where several elements are read at once.
    """

    count: int
    name: Callable[[int], str]
    elements: Callable[[int, int], tf.data.Dataset]
    read: Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
    form: ImageForm = ImageForm.ENCODED
    upright: bool = True

    def load(self, *element: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Read an element and decode its image to `(H, W, 3)` uint8, 0..255. Works in tf.data."""
        image, label, name = self.read(*element)
        return self.decoded(image), label, name

    def decoded(self, image: tf.Tensor) -> tf.Tensor:
        """Decode what `read` returns to `(H, W, 3)` uint8, 0..255. Works in tf.data."""
        return image if self.form is ImageForm.DECODED else decode(image, self.upright)


@dataclass(frozen=True)
class DataSet:
    """Two splits over the same classes. Each is opened when it is first used, since evaluation needs only one.

    Attributes:
        open_split: `"train"` or `"validation"` -> the split.
        open_stream: the same for a stream, where a split would have to be held in memory.
        statistics: colour statistics of the training images, where they are known.
        upright: whether its images are turned as their EXIF orientation says; `None` if `open_dataset` is to say it.
        ignored: how many files of which suffix are not used; complete when both splits have been opened.
        division: how the validation images were chosen, unless the data set has its own.
        run_images: as in `DataSource`. A warning says so if the numbers of images are others now.
    """

    name: str
    class_names: tuple[str, ...]
    open_split: Callable[[str], Split]
    open_stream: Callable[[str], Stream] | None = None
    statistics: ColorStatistics | None = None
    upright: bool | None = None
    stored_size: int = STORED_SIZE
    ignored: Counter[str] = field(default_factory=Counter)
    division: str = ""
    run_images: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in self.class_names:
            if any(unicodedata.category(character) in UNSAFE for character in name):
                raise InputError(
                    f"{self.name} has a class named {name!r}; rename it in UTF-8 without control characters and line "
                    "breaks, which would break lists of labels."
                )

    @functools.cached_property
    def train(self) -> Split:
        return self._checked("train")

    @functools.cached_property
    def validation(self) -> Split:
        return self._checked("validation")

    def _checked(self, name: str) -> Split:
        split = dataclasses.replace(self.open_split(name), upright=self.turns, stored_size=self.stored_size)
        wrong = np.flatnonzero((split.labels < 0) | (split.labels >= len(self.class_names)))
        if len(wrong):
            raise self.label_error(split.names[int(wrong[0])], int(split.labels[wrong[0]]))
        if self.run_images is not None:
            self._compare(name, len(split), self.run_images)
        return split

    def _compare(self, name: str, count: int, run_images: tuple[int, ...]) -> None:
        """Warn if a split has another number of images than when a run began."""
        now = tuple(count if each == name else before for each, before in zip(SPLITS, run_images, strict=True))
        reason = "errors are not those of the same images"
        if self.division:  # both splits depend on all images
            now = tuple(len(self.open_split(each)) for each in SPLITS)
            reason = "they are divided anew, and the network may have been trained on some of those for validation"
        if now != run_images:
            before, after = (f"{train:,} and {validation:,}" for train, validation in (run_images, now))
            warnings.warn(
                f"{self.name} had {before} images for training and validation when the run began, and has {after} now: "
                f"{reason}. Restore the images of the run, or train another one.",
                stacklevel=2,
            )

    @property
    def turns(self) -> bool:
        return self.upright is not False

    def ignored_files(self) -> str:
        """Say how many files of which suffix are ignored, or return "" if there are none."""
        total = sum(self.ignored.values())
        if not total:
            return ""
        files = "file is" if total == 1 else "files are"
        return f"{total:,} {files} ignored ({counted(self.ignored)}): convert images among them to JPEG or PNG"

    def label_error(self, image: str, label: int) -> InputError:
        return InputError(
            f"{image} has the label {label}, but {self.name} has {len(self.class_names)} classes, "
            f"0 to {len(self.class_names) - 1}; correct its labels."
        )

    def stream(self, name: str) -> Stream:
        """Open the images of `"train"` or `"validation"` for one pass in order."""
        if self.open_stream is not None:
            return dataclasses.replace(self.open_stream(name), upright=self.turns)
        split = self.train if name == "train" else self.validation
        labels = tf.constant(split.labels)
        return Stream(
            len(split),
            split.names.__getitem__,
            tf.data.Dataset.range,
            lambda index: (split.read(index), labels[index], tf.constant("")),
            split.form,
            split.upright,
        )
