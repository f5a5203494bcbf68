"""The line of progress."""

import io

import pytest

from alexnet_keras.system import progress
from alexnet_keras.system.progress import Progress, duration, stage


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75.2, "1:15"), (3725, "1:02:05")])
def test_duration(seconds, text):
    assert duration(seconds) == text


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_short_job_prints_nothing(stream, clock, monkeypatch):
    error = stream()
    monkeypatch.setattr(progress.sys, "stderr", error)
    with Progress("Reading", 10) as bar:
        clock[0] += 1.5
        bar.advance(10)
    assert error.getvalue() == ""


def test_a_long_job_tells_rate_and_time_left(clock, monkeypatch):
    error = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", error)
    with Progress("Reading", 1000) as bar:
        clock[0] += 4
        bar.advance(200, "loss 1.5")
        assert error.getvalue() == "\rReading  200/1,000 images  loss 1.5  50 images/s  0:16 left"
    assert error.getvalue().endswith("\r")


def test_a_log_gets_lines_and_few_of_them(clock, monkeypatch):
    error = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", error)
    with Progress("Reading", 1000) as bar:
        for _ in range(100):
            clock[0] += 1
            bar.advance(10)
    lines = error.getvalue().splitlines()
    assert 5 <= len(lines) <= 8
    assert all(line.startswith("Reading  ") and line.endswith(" left") for line in lines)


def test_a_stage_is_on_a_terminal_and_only_while_it_lasts(monkeypatch):
    for error, during, after in ((Terminal(), "\rWriting ...", "\r"), (io.StringIO(), "", "")):
        monkeypatch.setattr(progress.sys, "stderr", error)
        with stage("Writing"):
            assert error.getvalue() == during
        assert error.getvalue().endswith(after)
