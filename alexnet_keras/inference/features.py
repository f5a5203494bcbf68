"""Write the output of a layer for all images of a data set into one .npz file."""

import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import SPLITS
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.inference.keras_model import input_size, layers_named
from alexnet_keras.inference.predictor import BATCH_SIZE
from alexnet_keras.system import atomic_files
from alexnet_keras.system.disk import announce
from alexnet_keras.system.errors import RunError
from alexnet_keras.system.progress import Progress
from alexnet_keras.system.zip_files import write_array


def write(
    path: Path,
    model: keras.Model,
    layer: str,
    dataset: DataSet,
    parts: Sequence[str] = SPLITS,
    root: Path | None = None,
) -> tuple[int, ...]:
    """Write the output of a layer for the centre crop of each image.

    The file is written batch by batch, so memory does not grow with the data set. It holds no Python objects:
    `features` `(N, ...)` float32, `names` and `parts` `(N,)` unicode, `labels` `(N,)` int64, and `class_names`
    `(classes,)` unicode. The images are in the order of the data set.

    Args:
        layer: the name of a layer. With two towers `fc7` is `fc7a` and `fc7b`, concatenated along the last axis.
        root: a folder; the names of images in it become relative to it.
    """
    network = until(model, layer)
    size = input_size(model)
    splits = [dataset.train if part == "train" else dataset.validation for part in parts]
    shape = (sum(map(len, splits)), *network.output_shape[1:])
    announce(path, 4 * math.prod(shape) + 1000 * shape[0], f"{path}, {layer} of {shape[0]:,} images,")
    prefix = "" if root is None else f"{root}{os.sep}"
    with atomic_files.appear_whole(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("features.npy", "w", force_zip64=True) as member:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            with Progress(f"Computing {layer}", shape[0]) as progress:
                for values in _outputs(network, splits, size):
                    if not np.isfinite(values).all():
                        raise RunError(
                            f"The model {model.name!r} is damaged: the output of {layer} is not finite; "
                            "train or copy it again."
                        )
                    member.write(values.tobytes())
                    progress.advance(len(values))
        arrays = {
            "names": np.array([name.removeprefix(prefix) for split in splits for name in split.names], np.str_),
            "parts": np.repeat(np.array(parts), [len(split) for split in splits]),
            "labels": np.concatenate([split.labels for split in splits]),
            "class_names": np.array(dataset.class_names, np.str_),
        }
        for name, array in arrays.items():
            write_array(archive, name, array)
    return shape


def until(model: keras.Model, layer: str) -> keras.Model:
    """Cut a model after a layer; a name without its tower cuts both towers and concatenates their outputs."""
    outputs = [each.output for each in layers_named(model, layer)]
    return keras.Model(model.inputs[0], outputs[0] if len(outputs) == 1 else keras.layers.Concatenate()(outputs))


def compiled(network: keras.Model) -> Callable[[Any], np.ndarray]:
    """Return a function that computes a network's float32 output for a batch of images."""
    call = tf.function(lambda images: tf.cast(network(images, training=False), tf.float32), reduce_retracing=True)
    return lambda images: call(images).numpy()


def _outputs(network: keras.Model, splits: Sequence[Split], size: int) -> Iterator[np.ndarray]:
    call = compiled(network)
    for split in splits:
        with reading.naming_unreadable(split):
            for images, _ in pipeline.eval_dataset(split, input_size=size, batch_size=BATCH_SIZE):
                yield call(images)
