"""A bound on the memory that the weights in a file may take, which is checked before anything is allocated."""

from pathlib import Path

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import check_regular

# The largest variant, "one_tower", has 62,378,344 weights for 1,000 classes. For the 21,841 classes of ImageNet-21k,
# fc8 has 20,841 * 4,097 more: together 147,763,921 weights, which take 591 MB in float32.
UNPACKED_BYTES = 600 * 10**6
# The largest layer of an `Architecture` has 1.1e9 weights, which take 4.4 GB.
LARGEST_BYTES = 5 * 10**9
MOST_ARRAYS = 1_000  # "batchnorm" has 43, and 3 times as many with the state of an optimizer


class Budget:
    """Counts the arrays that a file declares, and refuses more than an AlexNet can have.

    A small file may unpack to `UNPACKED_BYTES`. A larger file may declare as many bytes as it has itself, up to
    `LARGEST_BYTES`, because weights that are not compressed take the same space in the file and in memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.limit = min(max(UNPACKED_BYTES, check_regular(path)), LARGEST_BYTES)
        self._bytes = self._arrays = 0

    def take(self, size: int) -> None:
        self._bytes += size
        self._arrays += 1
        if size < 0 or self._bytes > self.limit or self._arrays > MOST_ARRAYS:
            raise InputError(
                f"{self.path} declares {self._arrays:,} arrays of {self._bytes:,} bytes, but an AlexNet in such a file "
                f"has at most {MOST_ARRAYS:,} arrays of {self.limit:,} bytes; check the file."
            )
