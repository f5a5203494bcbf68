"""The one rule for what fits into the memory of this machine."""

import psutil


def fits_in_memory(num_bytes: float) -> bool:
    """Whether an array of `num_bytes` fits into a third of the free memory.

    A second third holds the copy that TensorFlow makes of the array, and the network needs the last one.
    """
    return num_bytes <= psutil.virtual_memory().available / 3
