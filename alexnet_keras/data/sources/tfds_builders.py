"""Data sets of TensorFlow Datasets: in memory where they fit, else as a stream that `data prepare` reads once."""

from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.config.command_line import data_words
from alexnet_keras.config.training import SPLITS, DataSource
from alexnet_keras.data import shards
from alexnet_keras.data.dataset import DataSet, Split, Stream
from alexnet_keras.data.sources import division
from alexnet_keras.data.sources.tfds_library import check_connection, find_builder, first_line, prepared_folder, tfds
from alexnet_keras.system.disk import size_of
from alexnet_keras.system.errors import AbsentError, InputError, OptionError, TooLargeError
from alexnet_keras.system.memory import fits_in_memory
from alexnet_keras.system.progress import Progress


def load(source: DataSource, build_it: bool = True) -> DataSet:
    """Open a data set by name.

    Raises:
        AbsentError: it is not built, and is not to be.
    """
    prepared = prepared_folder(source)
    if not (source.split or source.validation_split or source.fold) and shards.is_prepared(prepared):
        return shards.load(prepared, source.stored_size)
    builder = find_builder(source)
    division.check_not_asked(source, source.name, ", or name two splits by `split`")
    features = builder.info.features
    if features is None or not {"image", "label"} <= set(features) or not hasattr(features["label"], "names"):
        raise InputError(
            f"The data set {source.name} has no features 'image' and 'label'; choose a classification data set."
        )
    if not build_it and not builder.is_prepared():
        raise AbsentError(
            f"The data set {source.name} is not on this machine yet, and a dry run downloads nothing; "
            "train without a dry run."
        )
    build(builder, source)
    return from_builder(builder, source, source.name)


def build(builder: Any, source: DataSource) -> None:
    if not builder.is_prepared():
        check_connection(builder, source)
    config = tfds(source).download.DownloadConfig(manual_dir=source.manual_dir)
    try:
        builder.download_and_prepare(download_config=config)
    except Exception as error:
        raise InputError(
            f"The data set {source.name} could not be downloaded and prepared: {first_line(error)}"
        ) from error


def from_builder(builder: Any, source: DataSource, name: str) -> DataSet:
    """Open a data set that TFDS has built."""
    expressions = _expressions(builder, source)

    def expression(split: str) -> str:
        if split not in expressions:
            raise InputError(
                f"The data set {name} has no split for {split}, only {', '.join(builder.info.splits)}; "
                "name both splits by `split`, such as 'train[:80%],train[80%:]'."
            )
        return expressions[split]

    return DataSet(
        name,
        tuple(builder.info.features["label"].names),
        lambda split: _in_memory(builder, expression(split), source),
        lambda split: _stream(builder, expression(split)),
    )


def _expressions(builder: Any, source: DataSource) -> dict[str, str]:
    """Which of a builder's images serve for training and which for validation, as TFDS writes splits."""
    splits = builder.info.splits
    if source.split is not None:
        parts = [part.strip() for part in source.split.split(",")]
        if len(parts) != 2:
            raise OptionError(
                f"`split` {source.split}: give two, for training and validation, such as 'train[:80%],train[80%:]'."
            )
        for part in parts:
            try:
                count = splits[part].num_examples
            except (KeyError, ValueError, AssertionError) as error:
                raise OptionError(
                    f"`split` {part} cannot be used; the data set has {', '.join(splits)}. TensorFlow Datasets says: "
                    f"{first_line(error)}"
                ) from error
            if not count:
                raise OptionError(f"`split` {part} has no image; give a larger part of the data set.")
        return dict(zip(SPLITS, parts, strict=True))
    found = {"train": "train"} if "train" in splits else {}
    for validation in ("validation", "test"):
        if validation in splits and splits[validation].num_examples:
            return {**found, "validation": validation}
    # The last tenth stands in for the missing validation split.
    return {"train": "train[:90%]", "validation": "train[90%:]"} if found else {}


def _stream(builder: Any, expression: str) -> Stream:
    import tensorflow_datasets

    count = builder.info.splits[expression].num_examples
    pieces = tensorflow_datasets.core.ReadInstruction.from_spec(expression)

    def elements(start: int, stop: int) -> tf.data.Dataset:
        """Read only the examples from `start` to `stop - 1`.

        TFDS opens the file that holds the first one and skips the files before.
        """
        chosen, before = [], 0
        for piece in pieces.to_absolute(builder.info.splits):
            first = piece.from_ or 0
            length = (piece.to if piece.to is not None else builder.info.splits[piece.splitname].num_examples) - first
            low, high = max(start - before, 0), min(stop - before, length)
            if low < high:
                chosen.append(f"{piece.splitname}[{first + low}:{first + high}]")
            before += length
        return builder.as_dataset(
            split="+".join(chosen),
            decoders={"image": tensorflow_datasets.decode.SkipDecoding()},
            shuffle_files=False,
            read_config=tensorflow_datasets.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )

    def load_example(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return example["image"], example["label"], example.get("file_name", tf.constant(""))

    return Stream(count, lambda index: f"{builder.name} {expression} {index}", elements, load_example)


def _in_memory(builder: Any, expression: str, source: DataSource) -> Split:
    name, stream = source.name, _stream(builder, expression)
    info = builder.info
    whole = sum(split.num_examples for split in info.splits.values())
    needed = info.dataset_size * stream.count / max(whole, 1)
    if not fits_in_memory(needed):
        command = f"alexnet-keras data prepare {data_words(source, source.stored_size)} --output DIR"
        raise TooLargeError(
            f"The data set {name} takes {size_of(needed, 1)}, more than a third of the free memory, and TFDS can "
            f"read it in any order only from memory; store it once by this command, then pass DIR as `data`: {command}",
            prepared_folder(source),
        )
    images, labels, names = [], [], []
    with Progress(f"Reading {name} {expression}", stream.count) as progress:
        for example in stream.elements(0, stream.count):
            image, label, file_name = (part.numpy() for part in stream.read(example))
            images.append(image)
            labels.append(label)
            names.append(file_name.decode())
            progress.advance(1)
    if not labels:
        raise InputError(f"The data set {name} has no image in its split {expression!r}; build or download it again.")
    held = tf.constant(images)
    split_names = [name or stream.name(index) for index, name in enumerate(names)]
    return Split(split_names, np.array(labels, np.int64), held.__getitem__)
