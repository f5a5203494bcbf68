"""The choice of a precision, on machines that are not this one."""

import pytest

from alexnet_keras import devices


@pytest.fixture
def machine(monkeypatch, tmp_path):
    def make(flags, capability=None):
        cpuinfo = tmp_path / "cpuinfo"
        cpuinfo.write_text(f"processor : 0\nmodel name : Some CPU\nflags : {flags}\n\nprocessor : 1\nflags : none\n")
        monkeypatch.setattr(devices, "CPUINFO", cpuinfo)
        gpus = [] if capability is None else ["gpu"]
        monkeypatch.setattr(devices.tf.config, "list_physical_devices", lambda kind: gpus)
        details = {"compute_capability": capability, "device_name": "Some GPU"}
        monkeypatch.setattr(devices.tf.config.experimental, "get_device_details", lambda gpu: details)

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
    assert devices.choose_precision("auto") == devices.Precision(policy, reason)


def test_a_named_precision_is_taken_as_it_is(machine):
    machine("amx_bf16")
    assert devices.choose_precision("float32") == devices.Precision("float32", "as asked")


def test_describe_names_processor_and_gpus(machine):
    machine("", (8, 0))
    assert devices.describe().startswith("Some GPU, ")
    assert " x Some CPU, " in devices.describe()


def test_a_system_that_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "CPUINFO", tmp_path / "absent")
    assert devices.cpu_flags() == frozenset()
    assert " x " in devices.describe()
