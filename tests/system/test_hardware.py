"""The line that describes the hardware of a measurement."""

import psutil

from alexnet_keras.system import hardware


def test_the_processor_is_read_from_cpuinfo(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A Fast One @ 3: GHz\nflags\t\t: avx2 fma\n")
    monkeypatch.setattr(hardware, "CPUINFO", cpuinfo)
    memory = psutil.virtual_memory().total / 2**30
    assert hardware.cpu_flags() == {"avx2", "fma"}
    assert hardware.describe() == f"{psutil.cpu_count()} x A Fast One @ 3: GHz, {memory:.0f} GiB"
    assert hardware.describe(("CPU:0", "CPU:1")).startswith(f"2 logical CPUs, {psutil.cpu_count()} x A Fast One")


def test_a_system_without_cpuinfo_has_a_name_and_no_flags(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(hardware.platform, "processor", lambda: "")
    monkeypatch.setattr(hardware.platform, "machine", lambda: "arm64")
    assert hardware.cpu_flags() == frozenset()
    assert f"{psutil.cpu_count()} x arm64, " in hardware.describe()
