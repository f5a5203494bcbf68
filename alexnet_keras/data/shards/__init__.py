"""Shards: 256-pixel images, written once, read fast in any order. `format` describes and explains the files."""

from alexnet_keras.data.shards.format import (
    ENCODINGS,
    FORMAT,
    MANIFEST,
    PLAN,
    SPLITS,
    describe,
    images_file,
    index_file,
    is_prepared,
    manifest,
    sources_file,
)
from alexnet_keras.data.shards.reader import Reader, Sources, load
from alexnet_keras.data.shards.writer import ShardWriter

__all__ = [
    "ENCODINGS",
    "FORMAT",
    "MANIFEST",
    "PLAN",
    "SPLITS",
    "Reader",
    "ShardWriter",
    "Sources",
    "describe",
    "images_file",
    "index_file",
    "is_prepared",
    "load",
    "manifest",
    "sources_file",
]
