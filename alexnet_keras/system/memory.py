"""How much fits into this machine's memory."""

import psutil


def fits_in_memory(num_bytes: float) -> bool:
    """Whether an array of `num_bytes` can be made and kept in memory.

    An array exists twice while TensorFlow copies it, so two thirds of the free memory must hold it twice. The last
    third is left to the network.
    """
    return num_bytes <= psutil.virtual_memory().available / 3
