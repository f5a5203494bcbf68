"""Write one shard, completely or not at all."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import xxhash

from alexnet_keras.data.shards.format import HEADER_BYTES, IMAGES_FILE, INDEX, INDEX_FILE, SOURCES_FILE
from alexnet_keras.system import atomic_files


class ShardWriter:
    """Appends images to a file, and keeps their index and their sources."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.offset = file, HEADER_BYTES
        self.index: list[tuple[int, int, int, int]] = []
        self.sources: list[str] = []

    def add(self, source: str, label: int, record: bytes) -> None:
        """Append an image: a JPEG, or the bytes of `(size, size, 3)` uint8."""
        self.file.write(record)
        self.index.append((self.offset, len(record), label, xxhash.xxh3_64_intdigest(record)))
        self.sources.append(source)
        self.offset += len(record)


@contextlib.contextmanager
def writing(folder: Path, shard: str, size: int, encoding: str) -> Iterator[ShardWriter]:
    """Yield the writer of a shard. Its files get their names at the end, the index last."""
    with atomic_files.appear_whole(folder / IMAGES_FILE.format(shard)) as partial, partial.open("wb") as file:
        file.write(bytes(HEADER_BYTES))
        yield (writer := ShardWriter(file))
        file.seek(0)
        count, total = len(writer.index), writer.offset - HEADER_BYTES
        file.write(_header((total,) if encoding == "jpeg" else (count, size, size, 3)))
    with atomic_files.appear_whole(folder / SOURCES_FILE.format(shard)) as partial:
        partial.write_text(json.dumps(writer.sources))
    with atomic_files.appear_whole(folder / INDEX_FILE.format(shard)) as partial:
        np.save(partial, np.array(writer.index, INDEX))


def _header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    assert len(header) == HEADER_BYTES
    return header
