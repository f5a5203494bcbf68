"""Shards: 256-pixel images, written once, read fast in any order. `format` describes and explains the files."""

from alexnet_keras.data.shards.format import PLAN, is_prepared, manifest
from alexnet_keras.data.shards.reader import Reader, Sources, load
from alexnet_keras.data.shards.writer import ShardWriter

__all__ = ["PLAN", "Reader", "ShardWriter", "Sources", "is_prepared", "load", "manifest"]
