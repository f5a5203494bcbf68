"""Where the network is computed, and in which precision."""

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import tensorflow as tf

from alexnet_keras.system.errors import OptionError

CPUINFO = Path("/proc/cpuinfo")
FORMS = "auto, gpu:2 (that many), gpu:0,1 (those) or cpu:2 (that many logical CPUs)"
MOST_CPUS = 16  # logical CPUs share the same threads: they are for trying things out


@dataclass(frozen=True)
class Request:
    """Devices that a user asks for: `auto`, or `gpu` or `cpu` with their numbers."""

    kind: str
    numbers: tuple[int, ...] = ()


def parse(devices: str) -> Request:
    """Read `auto`, `gpu:2`, `gpu:0,1` or `cpu:2`. A number is a count, numbers with a comma are names.

    Raises:
        OptionError: it is none of these.
    """
    if devices == "auto":
        return Request("auto")
    match = re.fullmatch(r"(gpu|cpu):([0-9]+(?:,[0-9]+)*)", devices, re.ASCII)
    if match is None:
        raise OptionError(f"--devices {devices!r} cannot be read; give {FORMS}.")
    kind, numbers = match[1], [int(number) for number in match[2].split(",")]
    if len(numbers) == 1:
        if numbers[0] < 1:
            raise OptionError(f"--devices {devices} asks for no device: the number is how many; give {FORMS}.")
        if kind == "cpu" and numbers[0] > MOST_CPUS:
            raise OptionError(f"--devices {devices}: at most cpu:{MOST_CPUS}, since logical CPUs share the same cores.")
        return Request(kind, tuple(range(numbers[0])))
    if kind == "cpu":
        raise OptionError(f"--devices {devices}: logical CPUs have no names; say how many, as in cpu:{len(numbers)}.")
    if len(set(numbers)) < len(numbers):
        raise OptionError(f"--devices {devices} names a GPU twice; name each once.")
    return Request(kind, tuple(numbers))


def claim(devices: str) -> tuple[str, ...]:
    """Make the devices that are asked for the only ones that TensorFlow sees.

    Call it before TensorFlow computes anything: which devices there are is settled then.

    Args:
        devices: `auto` (all GPUs, else the CPU), `gpu:2`, `gpu:0,1`, or `cpu:2` for logical CPUs.

    Returns:
        TensorFlow's names for them, such as `("GPU:0", "GPU:1")`.

    Raises:
        OptionError: this cannot be read, this machine has no such devices, or TensorFlow has computed already.
    """
    request = parse(devices)
    gpus = tf.config.list_physical_devices("GPU")
    if request.kind == "auto":
        return tuple(f"GPU:{number}" for number in range(len(gpus))) or ("CPU:0",)
    if request.kind == "gpu":
        missing = [number for number in request.numbers if number >= len(gpus)]
        if missing:
            there = f"this machine has {len(gpus)}, gpu:0 to gpu:{len(gpus) - 1}" if gpus else "this machine has none"
            raise OptionError(f"--devices {devices} asks for {_gpus(request)}, and TensorFlow says {there}.")
        _settle(devices, lambda: tf.config.set_visible_devices([gpus[number] for number in request.numbers], "GPU"))
        return tuple(f"GPU:{number}" for number in range(len(request.numbers)))
    cpu, count = tf.config.list_physical_devices("CPU")[0], len(request.numbers)
    if gpus:
        _settle(devices, lambda: tf.config.set_visible_devices([], "GPU"))
    if count > 1:
        logical = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        _settle(devices, lambda: tf.config.set_logical_device_configuration(cpu, logical))
    return tuple(f"CPU:{number}" for number in range(count))


def _gpus(request: Request) -> str:
    numbers = request.numbers
    if numbers == tuple(range(len(numbers))):
        return f"{len(numbers)} GPU{'s' if len(numbers) > 1 else ''}"
    return f"the GPUs {', '.join(map(str, numbers))}"


def _settle(devices: str, change: Callable[[], None]) -> None:
    try:
        change()
    except RuntimeError as error:
        raise OptionError(
            f"--devices {devices} comes too late: TensorFlow has computed in this process; choose devices first."
        ) from error


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
    gpus = tf.config.get_visible_devices("GPU")
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


def choose_jit(jit: str, count: int = 1, deterministic: bool = False) -> Jit:
    """Turn `auto` into what is faster here: XLA for one GPU, TensorFlow's own kernels for the rest.

    Args:
        jit: `auto`, `on` or `off`.
        count: number of devices that the step is spread over.
        deterministic: whether TensorFlow shall repeat itself to the bit, which it does not promise of XLA.

    Raises:
        OptionError: XLA is asked for on several devices.
    """
    if jit == "on" and count > 1:
        raise OptionError(f"--jit on compiles for one device, and the step is spread over {count}; leave it out.")
    if jit != "auto":
        return Jit(jit == "on", "as asked")
    if count > 1:
        return Jit(False, "Keras compiles no step that is spread over devices")
    if deterministic:
        return Jit(False, "deterministic")
    if tf.config.get_visible_devices("GPU"):
        return Jit(True, "XLA fuses the step on a GPU")
    return Jit(False, "on a CPU, XLA's convolutions halve the speed of this network")


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the first processor; empty where the system does not tell."""
    return frozenset(_cpuinfo("flags").split())


def describe(devices: Sequence[str] = ("CPU:0",)) -> str:
    """The hardware in one line, for reports.

    Args:
        devices: those that compute, as `claim` names them.
    """
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
