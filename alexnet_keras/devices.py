"""Where the network is computed, and in which precision."""

import platform
from dataclasses import dataclass
from pathlib import Path

import psutil
import tensorflow as tf

CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Precision:
    """A Keras dtype policy and the reason for it."""

    policy: str
    reason: str


def choose_precision(precision: str, deterministic: bool = False) -> Precision:
    """Turn `auto` into the fastest policy that this machine computes in hardware.

    Weights, loss, softmax and the sums of local response normalization are float32 in every policy.
    """
    if precision != "auto":
        return Precision(precision, "as asked")
    if deterministic:
        return Precision("float32", "deterministic")
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        major, _ = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        if major >= 8:
            return Precision("mixed_bfloat16", "the GPU multiplies in bfloat16")
        if major == 7:
            return Precision("mixed_float16", "the GPU multiplies in float16")
        return Precision("float32", "the GPU has no matrix units for half precision")
    instructions = {"avx512_bf16", "amx_bf16"} & cpu_flags()
    if instructions:
        return Precision("mixed_bfloat16", f"the processor has {' and '.join(sorted(instructions))}")
    return Precision("float32", "the processor has no bfloat16 instructions")


@dataclass(frozen=True)
class Jit:
    """Whether the step is compiled by XLA, and the reason."""

    compile: bool
    reason: str


def choose_jit(jit: str) -> Jit:
    """Turn `auto` into what is faster here: XLA for one GPU, TensorFlow's own kernels for the rest.

    Args:
        jit: `auto`, `on` or `off`.
    """
    if jit != "auto":
        return Jit(jit == "on", "as asked")
    if tf.config.list_physical_devices("GPU"):
        return Jit(True, "XLA fuses the step on a GPU")
    return Jit(False, "on a CPU, XLA's convolutions halve the speed of this network")


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the first processor; empty where the system does not tell."""
    return frozenset(_cpuinfo("flags").split())


def describe() -> str:
    """The hardware in one line, for reports."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    processor = _cpuinfo("model name") or platform.processor() or platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return ", ".join([*names, f"{psutil.cpu_count()} x {processor}", f"{memory:.0f} GiB"])


def _cpuinfo(key: str) -> str:
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")
