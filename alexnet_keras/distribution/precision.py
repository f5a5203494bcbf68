"""Choose the numeric precision of the training step, whether XLA compiles it, and whether it repeats every bit."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from alexnet_keras.system.hardware import cpu_flags


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


def recommended_dtype_policy() -> str:
    """Return the dtype policy that `train` uses on this machine, such as `"mixed_bfloat16"` or `"float32"`.

    ```python
    keras.config.set_dtype_policy(alexnet_keras.recommended_dtype_policy())
    ```
    """
    return choose_precision("auto").policy


@dataclass(frozen=True)
class Jit:
    """Whether the step is compiled by XLA, and the reason."""

    compile: bool
    reason: str


def choose_jit(num_devices: int = 1, deterministic: bool = False) -> Jit:
    """Choose what is faster here: XLA for one GPU, TensorFlow's own kernels for everything else.

    Args:
        deterministic: whether TensorFlow must repeat every bit, which it does not promise for XLA.
    """
    if num_devices > 1:
        return Jit(False, "Keras does not compile a step on several devices")
    if deterministic:
        return Jit(False, "deterministic")
    if tf.config.get_visible_devices("GPU"):
        return Jit(True, "XLA fuses the step on a GPU")
    return Jit(False, "on a CPU, XLA's convolutions halve the speed of this network")


@contextlib.contextmanager
def repeating_bits(wanted: bool) -> Iterator[None]:
    """Use deterministic operators within the `with` block if they are wanted, and restore the setting at its end.

    Otherwise all later work of the process would be slower, and its random operators without a seed would fail.
    """
    from tensorflow.python.framework import config  # tf.config can only switch them on

    before = config.is_op_determinism_enabled()
    if wanted:
        config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()
