"""Arrays may take a third of the free memory."""

from types import SimpleNamespace

import psutil

from alexnet_keras.system.memory import fits_in_memory


def test_a_third_of_the_free_memory(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3e9, total=9e9))
    assert fits_in_memory(1e9)
    assert not fits_in_memory(1.01e9)
