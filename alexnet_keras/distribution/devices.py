"""The devices on which the network is computed."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from alexnet_keras.system.errors import OptionError
from alexnet_keras.system.terminal_text import brief

FORMS = "auto, gpu:2 (that many), gpu:0,1 (those) or cpu:2 (that many logical CPUs)"
MOST_CPUS = 16  # logical CPUs share the same threads: they are for trying things out


@dataclass(frozen=True)
class Request:
    """The devices that a user asks for: `auto`, or `gpu` or `cpu` with their numbers."""

    kind: str
    numbers: tuple[int, ...] = ()


def parse(devices: str) -> Request:
    """Read `auto`, `gpu:2`, `gpu:0,1` or `cpu:2`. A single number is a count; numbers with a comma are names."""
    if devices == "auto":
        return Request("auto")
    match = re.fullmatch(r"(gpu|cpu):([0-9]{1,3}(?:,[0-9]{1,3})*)", devices)
    if match is None:
        raise OptionError(f"`devices` {brief(devices)} cannot be read; choose {FORMS}.")
    kind, numbers = match[1], [int(number) for number in match[2].split(",")]
    if len(numbers) == 1:
        if numbers[0] < 1:
            raise OptionError(f"`devices` {devices} asks for no device: the number is a count; choose {FORMS}.")
        if kind == "cpu" and numbers[0] > MOST_CPUS:
            raise OptionError(
                f"`devices` {devices} asks for too many CPUs; choose at most cpu:{MOST_CPUS}, since logical CPUs share "
                "the same cores."
            )
        return Request(kind, tuple(range(numbers[0])))
    if kind == "cpu":
        raise OptionError(f"`devices` {devices}: logical CPUs have no names; give a count, such as cpu:{len(numbers)}.")
    if len(set(numbers)) < len(numbers):
        raise OptionError(f"`devices` {devices} names a GPU twice; name each once.")
    return Request(kind, tuple(numbers))


def claim(devices: str) -> tuple[str, ...]:
    """Make the requested devices the only ones that TensorFlow sees.

    Call it before TensorFlow computes anything, because the first computation settles the devices.

    Returns:
        TensorFlow's names of the devices, such as `("GPU:0", "GPU:1")`.
    """
    import tensorflow as tf  # here, so that `parse` answers at once

    request = parse(devices)
    gpus = tf.config.list_physical_devices("GPU")
    if request.kind == "auto":
        return tuple(f"GPU:{number}" for number in range(len(gpus))) or ("CPU:0",)
    if request.kind == "gpu":
        if max(request.numbers) >= len(gpus):
            found = f"{len(gpus)}, gpu:0 to gpu:{len(gpus) - 1}" if gpus else "none"
            raise OptionError(
                f"`devices` {devices} asks for {_gpus(request)}, and TensorFlow finds {found}; choose other devices."
            )
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
            f"`devices` {devices} comes too late: TensorFlow has already computed in this process; choose devices "
            "first, in a new process."
        ) from error
