"""What a layer of a model makes of the pictures of a data set, in one .npz."""

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress

BATCH_SIZE = 64
PARTS = ("train", "validation")


def write(
    path: Path, model: keras.Model, layer: str, dataset: DataSet, parts: Sequence[str] = PARTS, root: Path | None = None
) -> tuple[int, ...]:
    """Write a layer's values on central crops, batch by batch, so that memory does not grow with the data set.

    The .npz holds no Python objects: `features` `(N, ...)` float32, `names` and `parts` `(N,)` unicode, `labels` `(N,)`
    int64, `class_names` `(classes,)` unicode, in the order of the data set.

    Args:
        path: the file; it appears whole or not at all.
        model: a network of this package.
        layer: a layer's name; of two towers `fc7` stands for `fc7a` and `fc7b`, one after the other on the last axis.
        dataset: the pictures.
        parts: `train`, `validation` or both.
        root: a folder that the names of pictures in it are relative to.

    Returns:
        The shape of `features`.

    Raises:
        OptionError: the model has no such layer.
        InputError: a picture cannot be read, or the model takes no square pictures of at most 256.
    """
    network = until(model, layer)
    _, height, width, _ = model.input_shape
    if height != width or height > STORED_SIZE:
        raise InputError(
            f"{model.name} takes images of {height} x {width}; "
            f"pictures are cropped to squares of at most {STORED_SIZE}."
        )
    call = tf.function(lambda images: tf.cast(network(images, training=False), tf.float32), reduce_retracing=True)
    splits = [dataset.train if part == "train" else dataset.validation for part in parts]
    shape = (sum(map(len, splits)), *network.output_shape[1:])
    start = "" if root is None else f"{root}{os.sep}"
    names = [name.removeprefix(start) for split in splits for name in split.names]
    with atomic_files.appear_whole(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("features.npy", "w", force_zip64=True) as member:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            with Progress(f"Computing {layer}", shape[0]) as progress:
                for split in splits:
                    for values in _values(call, split, height):
                        member.write(values.tobytes())
                        progress.advance(len(values))
        _add(archive, "names", np.array(names, dtype=np.str_))
        _add(archive, "parts", np.repeat(np.array(parts), [len(split) for split in splits]))
        _add(archive, "labels", np.concatenate([split.labels for split in splits]))
        _add(archive, "class_names", np.array(dataset.class_names, dtype=np.str_))
    return shape


def until(model: keras.Model, layer: str) -> keras.Model:
    """A model that ends in a layer of another one, or in that layer of both towers.

    Raises:
        OptionError: there is no such layer.
    """
    found = {each.name: each for each in model.layers}
    if layer in found:
        return keras.Model(model.inputs[0], found[layer].output)
    towers = [found[f"{layer}{tower}"].output for tower in "ab" if f"{layer}{tower}" in found]
    if not towers:
        names = dict.fromkeys(name[:-1] if name[-2:-1].isdigit() else name for name in found)
        raise OptionError(f"{model.name} has no layer {layer!r}; it has {', '.join(names)}.")
    return keras.Model(model.inputs[0], keras.layers.Concatenate()(towers))


def _values(call: Callable[[tf.Tensor], tf.Tensor], split: Split, size: int) -> Iterator[np.ndarray]:
    with reading.naming_unreadable(split):
        for images, _ in pipeline.eval_dataset(split, input_size=size, batch_size=BATCH_SIZE):
            yield call(images).numpy()


def _add(archive: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, values, allow_pickle=False)
