"""The choice of devices and of a precision, on machines that are not this one."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from support.properties import repeatable, texts, unless_refused
from tensorflow.python.framework import config

from alexnet_keras.distribution import devices
from alexnet_keras.distribution.devices import Request
from alexnet_keras.distribution.precision import Jit, Precision, choose_jit, choose_precision, repeating_bits
from alexnet_keras.system import hardware
from alexnet_keras.system.errors import OptionError
from alexnet_keras.system.hardware import cpu_flags, describe


@pytest.fixture
def machine(monkeypatch, tmp_path):
    def make(flags, capability=None):
        cpuinfo = tmp_path / "cpuinfo"
        cpuinfo.write_text(f"processor : 0\nmodel name : Some CPU\nflags : {flags}\n\nprocessor : 1\nflags : none\n")
        monkeypatch.setattr(hardware, "CPUINFO", cpuinfo)
        gpus = [] if capability is None else ["gpu"]
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
        details = {"compute_capability": capability, "device_name": "Some GPU"}
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)

    return make


@pytest.mark.parametrize(
    ("flags", "capability", "policy", "reason"),
    [
        ("fpu avx512f", None, "float32", "the processor has no bfloat16 instructions"),
        ("fpu avx512_bf16", None, "mixed_bfloat16", "the processor has avx512_bf16"),
        ("amx_bf16 avx512_bf16", None, "mixed_bfloat16", "the processor has amx_bf16 and avx512_bf16"),
        ("", (9, 0), "mixed_bfloat16", "the GPU multiplies in bfloat16"),
        ("", (7, 5), "mixed_float16", "the GPU multiplies in float16"),
        ("", (6, 1), "float32", "the GPU has no matrix units for half precision"),
    ],
)
def test_auto_takes_what_the_hardware_multiplies_in(machine, flags, capability, policy, reason):
    machine(flags, capability)
    assert choose_precision("auto") == Precision(policy, reason)


def test_a_named_precision_is_taken_as_it_is(machine):
    machine("amx_bf16")
    assert choose_precision("float32") == Precision("float32", "as asked")


def test_describe_names_processor_and_gpus(machine):
    machine("", (8, 0))
    assert describe().startswith("Some GPU, ")
    assert " x Some CPU, " in describe()


def test_a_system_that_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "absent")
    assert cpu_flags() == frozenset()
    assert " x " in describe()


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("auto", Request("auto")),
        ("gpu:2", Request("gpu", (0, 1))),
        ("gpu:1", Request("gpu", (0,))),
        ("gpu:0,1", Request("gpu", (0, 1))),
        ("gpu:3,1", Request("gpu", (3, 1))),
        ("cpu:2", Request("cpu", (0, 1))),
    ],
)
def test_devices_are_read(text, request_):
    assert devices.parse(text) == request_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpu",
        "cpu",
        "gpu:",
        "gpu:x",
        "gpu:-1",
        "gpu:1.5",
        "gpu:0,",
        "gpu:,1",
        "gpu:0;1",
        "gpu:0, 1",
        "GPU:2",
        "tpu:2",
        "auto:2",
        "2",
        "0,1",
        " gpu:2",
        "gpu:2\n",
        "gpu:٢",
        "gpu:0,x",
        "/gpu:0",
        "gpu:1000",
        "cpu:" + "9" * 5_000,
        "gpu:\u0661",
    ],
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(OptionError, match=r"`devices` .* cannot be read; choose auto, gpu:2 \(that many\), gpu:0,1"):
        devices.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu:0", "`devices` gpu:0 asks for no device: the number is a count"),
        ("cpu:0", "`devices` cpu:0 asks for no device"),
        ("cpu:17", "`devices` cpu:17 asks for too many CPUs; choose at most cpu:16, since"),
        ("cpu:0,1", "`devices` cpu:0,1: logical CPUs have no names; give a count, such as cpu:2"),
        ("gpu:1,1", "`devices` gpu:1,1 names a GPU twice"),
    ],
)
def test_devices_that_make_no_sense_are_refused(text, message):
    with pytest.raises(OptionError, match=message):
        devices.parse(text)


@pytest.fixture
def gpus(monkeypatch):
    """A TensorFlow that says how many GPUs there are, and records what it is told to use."""

    def make(count, initialized=False):
        told = {}

        def tell(name):
            def method(*arguments):
                if initialized:
                    raise RuntimeError("Physical devices cannot be modified after being initialized")
                told[name] = arguments

            return method

        physical = {"GPU": [f"gpu {number}" for number in range(count)], "CPU": ["cpu"]}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: physical[kind])
        monkeypatch.setattr(tf.config, "set_visible_devices", tell("visible"))
        monkeypatch.setattr(tf.config, "set_logical_device_configuration", tell("logical"))
        return told

    return make


@pytest.mark.parametrize(
    ("text", "count", "names", "visible"),
    [
        ("auto", 0, ("CPU:0",), None),
        ("auto", 3, ("GPU:0", "GPU:1", "GPU:2"), None),
        ("gpu:2", 3, ("GPU:0", "GPU:1"), ["gpu 0", "gpu 1"]),
        ("gpu:2,1", 3, ("GPU:0", "GPU:1"), ["gpu 2", "gpu 1"]),
        ("cpu:1", 3, ("CPU:0",), []),
        ("cpu:3", 1, ("CPU:0", "CPU:1", "CPU:2"), []),
        ("cpu:2", 0, ("CPU:0", "CPU:1"), None),
    ],
)
def test_devices_are_claimed(text, count, names, visible, gpus):
    told = gpus(count)
    assert devices.claim(text) == names
    assert told.get("visible") == (None if visible is None else (visible, "GPU"))
    assert len(told["logical"][1] if "logical" in told else [None]) == (1 if "GPU" in names[0] else len(names))


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("gpu:1", 0, "`devices` gpu:1 asks for 1 GPU, and TensorFlow finds none"),
        ("gpu:2", 1, "`devices` gpu:2 asks for 2 GPUs, and TensorFlow finds 1, gpu:0 to gpu:0"),
        (
            "gpu:0,2",
            2,
            "`devices` gpu:0,2 asks for the GPUs 0, 2, and TensorFlow finds 2, gpu:0 to gpu:1; choose other",
        ),
    ],
)
def test_devices_that_are_not_there_are_refused(text, count, message, gpus):
    gpus(count)
    with pytest.raises(OptionError, match=message):
        devices.claim(text)


@pytest.mark.parametrize("text", ["cpu:2", "gpu:1"])
def test_devices_are_settled_before_the_first_computation(text, gpus):
    gpus(2, initialized=True)
    with pytest.raises(OptionError, match=f"`devices` {text} comes too late: TensorFlow has already computed"):
        devices.claim(text)


def test_logical_cpus_are_named_in_the_hardware():
    assert "2 logical CPUs, " in describe(("CPU:0", "CPU:1"))


@pytest.mark.parametrize(
    ("gpus", "num_devices", "deterministic", "expected"),
    [
        ([], 1, False, (False, "on a CPU, XLA's convolutions halve the speed of this network")),
        (["gpu"], 1, False, (True, "XLA fuses the step on a GPU")),
        (["gpu"], 1, True, (False, "deterministic")),
        (["gpu"], 2, False, (False, "Keras does not compile a step on several devices")),
    ],
)
def test_xla_is_for_one_gpu(gpus, num_devices, deterministic, expected, monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
    assert choose_jit(num_devices, deterministic) == Jit(*expected)


def test_deterministic_operators_end_with_the_run():
    with repeating_bits(False):
        assert not config.is_op_determinism_enabled()
    with repeating_bits(True):
        with repeating_bits(True):
            assert config.is_op_determinism_enabled()
        assert config.is_op_determinism_enabled()
    assert not config.is_op_determinism_enabled()


@repeatable
@given(texts | st.text("gcpu:0123,"))
def test_any_text_is_a_request_or_is_refused(text):
    request = unless_refused(lambda: devices.parse(text))
    assert request is None or request.kind in ("auto", "gpu", "cpu")
