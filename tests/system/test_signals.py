"""Signals: the first one stops after the current step or at once, the second one ends the process."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT

from alexnet_keras.system.errors import InputError, Interrupted
from alexnet_keras.system.signals import SIGNALS, Signals


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_stops_and_the_handlers_come_back(number):
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(Interrupted, match=f"^Stopped by {signal.Signals(number).name}.$") as error, Signals():
        os.kill(os.getpid(), number)
    assert error.value.signal == number
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_deferred_signal_is_raised_after_the_block():
    steps = []
    with pytest.raises(Interrupted, match="SIGTERM"), Signals() as signals:  # noqa: PT012
        with signals.deferring():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append(signals.received)
        steps.append("never")
    assert steps == [signal.SIGTERM]


def test_an_error_that_a_library_makes_of_a_signal_is_still_a_signal():
    """h5py reports whatever is raised while it reads as a damaged file."""
    with pytest.raises(Interrupted, match="SIGTERM"), Signals():  # noqa: PT012
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Interrupted as error:
            raise InputError("The file is damaged.") from error
    with pytest.raises(Interrupted, match="SIGTERM"), Signals(), contextlib.suppress(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)  # as in a destructor


class Finalized:
    def __init__(self, finalize):
        self.finalize = finalize

    def __del__(self):
        self.finalize()


def test_a_signal_in_a_destructor_is_sent_again(capsys):
    """Python prints a traceback for what a destructor raises, and goes on."""
    hooks = sys.unraisablehook, sys.excepthook
    with pytest.raises(Interrupted, match="SIGTERM"), Signals():  # noqa: PT012
        each = Finalized(lambda: os.kill(os.getpid(), signal.SIGTERM))
        del each
        time.sleep(60)
        pytest.fail("The signal was lost.")
    with pytest.raises(Interrupted, match="SIGINT"), Signals():  # the context ends before the signal is sent again
        Finalized(lambda: os.kill(os.getpid(), signal.SIGINT))
    with Signals():  # Cython prints what a destructor raises
        sys.excepthook(Interrupted, Interrupted("Stopped.", signal.SIGTERM), None)
    assert (sys.unraisablehook, sys.excepthook) == hooks
    assert capsys.readouterr().err == ""


def test_a_destructor_that_fails_after_a_signal_prints_nothing(capsys):
    """A signal in the constructor leaves an object without its attributes."""
    with pytest.raises(Interrupted, match="SIGTERM"), Signals():  # noqa: PT012
        unfinished = Finalized(lambda: 1 / 0)
        with contextlib.suppress(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
        del unfinished
    assert capsys.readouterr().err == ""


def test_other_errors_in_a_destructor_are_printed_as_before(monkeypatch):
    printed = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: printed.append(error))
    with Signals():
        sys.excepthook(ValueError, error := ValueError("another"), None)
        assert printed.pop() is error
        Finalized(lambda: 1 / 0)
    assert [ignored.exc_type for ignored in printed] == [ZeroDivisionError]


def test_without_a_signal_errors_pass():
    with pytest.raises(InputError, match="another"), Signals():
        raise InputError("another")


def test_the_second_signal_ends_the_process_at_once():
    code = """
import os, signal
from alexnet_keras.system.signals import Signals
with Signals() as signals, signals.deferring():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("never")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "")
