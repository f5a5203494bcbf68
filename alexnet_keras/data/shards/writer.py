"""Write one shard, completely or not at all."""

import io
import json
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import xxhash

from alexnet_keras.data.shards.format import HEADER_BYTES, INDEX, images_file, index_file, sources_file
from alexnet_keras.system import atomic_files


class ShardWriter:
    """Writes one shard. Its files get their names at the end, the index last."""

    def __init__(self, folder: Path, shard: str, size: int, encoding: str) -> None:
        self.folder, self.shard, self.size, self.encoding = folder, shard, size, encoding
        self.index: list[tuple[int, int, int, int]] = []
        self.sources: list[str] = []
        self._offset = HEADER_BYTES

    def __enter__(self) -> Self:
        self._appearing = atomic_files.appear_whole(self.folder / images_file(self.shard))
        self._file = self._appearing.__enter__().open("wb")
        self._file.write(bytes(HEADER_BYTES))
        return self

    def add(self, source: str, label: int, record: bytes) -> None:
        """Append an image: a JPEG, or the bytes of `(size, size, 3)` uint8."""
        self._file.write(record)
        self.index.append((self._offset, len(record), label, xxhash.xxh3_64_intdigest(record)))
        self.sources.append(source)
        self._offset += len(record)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                count, total = len(self.index), self._offset - HEADER_BYTES
                self._file.seek(0)
                self._file.write(_header((total,) if self.encoding == "jpeg" else (count, self.size, self.size, 3)))
            self._file.close()  # here a full disk shows
        except BaseException as failure:
            self._appearing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._appearing.__exit__(kind, error, trace)
        if error is None:
            with atomic_files.appear_whole(self.folder / sources_file(self.shard)) as partial:
                partial.write_text(json.dumps(self.sources))
            with atomic_files.appear_whole(self.folder / index_file(self.shard)) as partial:
                np.save(partial, np.array(self.index, INDEX))


def _header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    assert len(header) == HEADER_BYTES
    return header
