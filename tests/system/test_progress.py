"""The progress of long jobs on a terminal and in a log."""

import io
import os

import pytest

from alexnet_keras.system import progress
from alexnet_keras.system.progress import Progress, duration, stage


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75.2, "1:15"), (3725, "1:02:05")])
def test_duration(seconds, text):
    assert duration(seconds) == text


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
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
    assert bar.done == 10


@pytest.mark.parametrize("columns", [200, 70])
def test_a_terminal_shows_speed_and_time_left_in_one_line(columns, clock, monkeypatch):
    error = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", error)
    monkeypatch.setenv("COLUMNS", str(columns))
    with Progress("Reading", 1000) as bar:
        clock[0] += 40  # most of it before the first image
        bar.advance(200, "loss 1.5")
        first = error.getvalue().strip("\r")
        bar.label = "Reading more"
        clock[0] += 10
        bar.advance(50, "loss 1.4" + 50 * "x")
    # A narrow terminal has no space for a bar.
    assert first.startswith("Reading |" if columns == 200 else "Reading 200")
    assert first.rstrip().endswith("200/1,000 images, loss 1.5")
    lines = error.getvalue().split("\r")
    assert lines[2].startswith("Reading more |" if columns == 200 else "Reading more 250")
    assert "250/1,000 images, 5.00/s, 2:30 left, loss 1.4x" in lines[2]  # the note is cut off first
    assert lines[-1] == lines[-2].strip() == ""  # the line is removed
    assert max(map(len, lines)) == min(columns, progress.WIDTH)


def test_the_time_left_is_shown_when_the_speed_was_measured_for_ten_seconds(clock, monkeypatch):
    error = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", error)
    with Progress("Training", 10_000, pauses=1.5) as bar:
        clock[0] += 60  # the first step compiles
        for seconds in (0, 4, 5, 1, 10):
            clock[0] += seconds
            bar.advance(20 * seconds or 1)
    shown = [line.rpartition("images")[2].strip() for line in error.getvalue().split("\r") if "images" in line]
    # 9,799 more images take 490 s, and with pauses half as long again
    assert shown == ["", ", 20.00/s", ", 20.00/s", ", 20.00/s, 12:15 left", ", 20.00/s, 12:00 left"]


def test_a_log_gets_a_line_every_15_seconds(clock, monkeypatch):
    error = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", error)
    with Progress("Reading", 1_000_000_000) as bar:
        for _ in range(100):
            clock[0] += 1
            bar.advance(10, "x" * 60)
    lines = error.getvalue().split("\n")
    assert len(lines) == 100 // 15 + 1
    assert lines[0].startswith("Reading 150/1,000,000,000 images, 10.00/s, 27777:46:25 left, xxx")
    assert lines[-1] == ""
    assert max(map(len, lines)) == progress.WIDTH


def test_two_jobs_at_once_write_no_escape_sequences_to_a_log(clock, monkeypatch):
    error = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", error)
    with Progress("Training", 100) as outer, Progress("Reading", 100) as inner:
        for _ in range(3):
            clock[0] += 16
            outer.advance(10)
            inner.advance(10)
    assert [line.split()[0] for line in error.getvalue().splitlines()] == ["Training", "Reading"] * 3


def test_a_terminal_without_a_height_shows_progress_too(clock, monkeypatch):
    """Some containers give their terminals no size. tqdm draws nothing there, unless it is told a height."""
    reader, writer = os.openpty()
    monkeypatch.delenv("COLUMNS", raising=False)
    with os.fdopen(writer, "w") as error:
        monkeypatch.setattr(progress.sys, "stderr", error)
        with Progress("Reading", 10) as bar:
            clock[0] += 4
            bar.advance(2)
            assert "Reading 2/10 images" in os.read(reader, 1000).decode()
    os.close(reader)


def test_a_stage_is_shown_on_a_terminal_while_it_lasts(monkeypatch):
    for error, during, after in ((Terminal(), "\rWriting ...", "\r"), (io.StringIO(), "", "")):
        monkeypatch.setattr(progress.sys, "stderr", error)
        with stage("Writing"):
            assert error.getvalue() == during
        assert error.getvalue().endswith(after)
