"""The processor and the GPUs of this machine."""

import platform
from collections.abc import Sequence
from pathlib import Path

import psutil
import tensorflow as tf

CPUINFO = Path("/proc/cpuinfo")


def cpu_flags() -> frozenset[str]:
    """The instruction sets of the first processor; empty if the system does not list them."""
    return frozenset(_cpuinfo("flags").split())


def describe(devices: Sequence[str] = ("CPU:0",)) -> str:
    """Describe the hardware in one line, for reports."""
    gpus = tf.config.get_visible_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    processor = _cpuinfo("model name") or platform.processor() or platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    logical = [f"{len(devices)} logical CPUs"] if len(devices) > 1 and devices[0].startswith("CPU") else []
    return ", ".join([*names, *logical, f"{psutil.cpu_count()} x {processor}", f"{memory:.0f} GiB"])


def _cpuinfo(key: str) -> str:
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")
