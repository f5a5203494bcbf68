"""Readable labels for class names that are WordNet synsets."""

import ast
import functools
import importlib.util
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def text_of_tfds(path: str) -> str:
    """Read a file of TensorFlow Datasets (Apache 2.0) without its import, which takes a second."""
    found = importlib.util.find_spec("tensorflow_datasets")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"TensorFlow Datasets is not installed, so {path} is missing; install the package.")
    return (Path(found.submodule_search_locations[0]) / "datasets" / path).read_text()


def synsets() -> tuple[str, ...]:
    """Return the 1,000 classes of ImageNet in the order of their labels, as TFDS ships them."""
    return tuple(text_of_tfds("imagenet2012/labels.txt").split())


@functools.cache
def imagenet_words() -> dict[str, str]:
    """Return the words of ImageNet's 1,000 synsets, as TFDS ships them.

    Returns:
        A mapping such as `{"n01440764": "tench, Tinca tinca", ...}`, empty if the installed version has no such files.
    """
    try:
        names = synsets()
        statements = ast.parse(text_of_tfds("siscore/labels.py")).body
    except OSError:
        return {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "IMAGENET_LABELS_LIST":
            words = ast.literal_eval(statement.value)
            return dict(zip(names, words, strict=True)) if len(words) == len(names) else {}
    return {}


def readable(class_name: str) -> str:
    """The first word of a class that is a synset of ImageNet, else the class name itself.

    Imagenette and Imagewoof name their classes after synsets: `n01440764` is `tench`.
    """
    words = _words(class_name)
    return words if words == class_name else words.split(",")[0]


def distinct_labels(class_names: Sequence[str]) -> tuple[str, ...]:
    """A readable label for each class, no two of them equal.

    Two synsets of ImageNet begin with the same word, so they have all their words: `n03710637` is `maillot` and
    `n03710721` is `maillot, tank suit`. If that is not enough, a label is the class name itself.
    """
    return _distinct_labels(tuple(class_names))


@functools.lru_cache(maxsize=8)  # asked for each image
def _distinct_labels(class_names: tuple[str, ...]) -> tuple[str, ...]:
    labels = [readable(name) for name in class_names]
    for longer in (list(map(_words, class_names)), class_names):
        counts = Counter(labels)
        labels = [other if counts[label] > 1 else label for label, other in zip(labels, longer, strict=True)]
    return tuple(labels)


def _words(class_name: str) -> str:
    """All words of a class that is a synset of ImageNet, else the class name."""
    return imagenet_words().get(class_name, class_name) if re.fullmatch(r"n\d{8}", class_name) else class_name
