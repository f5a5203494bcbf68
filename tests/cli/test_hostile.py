"""Hostile values of every option of every command, and hostile streams: one line, and no work is begun."""

import errno
import math
import os
import subprocess
import sys

import click
import pytest
from support import ROOT, cli, only_error

from alexnet_keras.cli.main import main
from alexnet_keras.cli.types import Number, PathName

LONGEST = 1_300  # characters of a message
TEXTS = ("split", "fold", "columns", "devices", "label", "layer", "network", "settings")  # the library parses them
REQUIRED = {"data": "shapes", "format": "tflite", "path": "x.npz", "variant": "paper", "arguments": "x.keras"}
NUMBERS = ("-1", "0.5", str(10**31), "9" * 400, "9" * 5_000, "nan", "inf", "-inf", "1e999", "", "x" * 2**20, "\u0661x")
PATHS = ("", "\udcff", "a\0b", "x" * 256, "y/" * 2_048, "z" * 2**20)


class ReachedError(Exception):
    """A command has accepted its options and begins to work."""


def options(command=main, words=()):
    """Yield the words and the parameter of every option and argument of every command."""
    for parameter in command.params:
        yield words, parameter
    for name, child in command.commands.items() if isinstance(command, click.Group) else ():
        yield from options(child, (*words, name))


OPTIONS = [pytest.param(*option, id=f"{' '.join(option[0])} {option[1].name}") for option in options()]


def of_type(kind):
    return [option for option in OPTIONS if isinstance(option.values[1].type, kind)]


def run_with(words, parameter, value):
    """Run a command with one hostile value and valid values for all other parameters that it requires."""
    command = main
    for word in words:
        command = command.commands[word]
    arguments = []
    for other in command.params:
        given = value if other is parameter else REQUIRED.get(other.name, "x.out") if other.required else None
        if given is not None:
            arguments += [f"{max(other.opts, key=len)}={given}"] if isinstance(other, click.Option) else ["--", given]
    arguments.sort(key=lambda argument: argument == "--")
    positional = [word for word in arguments if not word.startswith("--")]
    named = [word for word in arguments if word.startswith("--") and word != "--"]
    return cli(*words, *named, "--", *positional)


@pytest.fixture
def unstarted(tmp_path, monkeypatch):
    """Let no command work."""

    def begin(**_):
        raise ReachedError

    for name in ("options", "reproduce"):
        monkeypatch.setattr(f"alexnet_keras.cli.{name}.load_tensorflow", begin)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("words", "parameter"), OPTIONS)
def test_every_option_has_a_type_that_checks_it(words, parameter):
    kind = parameter.type
    if isinstance(kind, Number):
        assert -math.inf < kind.allowed.low < kind.allowed.high < math.inf
    else:
        bounded = isinstance(kind, PathName | click.Choice) or parameter.is_flag
        assert bounded or parameter.name in TEXTS, f"{words} {parameter.name} needs a type of cli/types.py"


@pytest.mark.parametrize(("words", "parameter"), of_type(Number))
def test_numbers_out_of_range(words, parameter, unstarted, tmp_path):
    for value in NUMBERS:
        if value == "0.5" and parameter.type.kind is float:
            continue
        result = run_with(words, parameter, value)
        assert f"Invalid value for '{max(parameter.opts, key=len)}': " in only_error(result)
        assert result.code == 2
        assert len(result.err) < LONGEST
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "parameter"), of_type(PathName))
def test_names_that_are_no_paths(words, parameter, unstarted, tmp_path):
    for value in PATHS:
        result = run_with(words, parameter, value)
        assert "must be a path in UTF-8, of at most 255 bytes between two slashes" in only_error(result)
        assert result.code == 2
        assert len(result.err) < LONGEST
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "=", "\x1b[31m=1", "x" * 2**20, "epochs=" + "9" * 10_000, "weights=\udcff"])
@pytest.mark.parametrize("option", ["--set", "--change"])
def test_texts_of_settings(option, value, unstarted, tmp_path):
    result = cli("train", option, value)
    message = only_error(result)
    assert result.code == 2
    assert len(message) < LONGEST
    assert message.isprintable()
    assert list(tmp_path.iterdir()) == []


def test_control_characters_and_long_values_of_messages(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert only_error(cli("\x1b[31mred")).startswith(r"Error: There is no command '\x1b[31mred'; choose")
    message = only_error(cli("y" * 2**20))
    assert " ... " in message
    assert len(message) < LONGEST


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            MemoryError("Unable to allocate 9 GiB"),
            "The memory does not suffice (Unable to allocate 9 GiB); use",
        ),
        (
            OSError(errno.ENOSPC, "No space left"),
            "The output cannot be written (No space left); remove files",
        ),
        (OSError(errno.EACCES, "Denied", "a\udcff"), r"a\udcff cannot be used (Denied); check the path, its"),
        (OSError("no reason"), "Error: no reason"),
    ],
    ids=repr,
)
def test_errors_of_the_system_are_one_line(error, message, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(main.commands["info"], "invoke", fail)
    result = cli("info")
    assert message in only_error(result)
    assert result.code == 1


STREAMS = """
import os, sys
from alexnet_keras.cli.main import main
main.commands["info"].callback = lambda **options: print("h\u00e9 \u2588 \u65e5", flush=True)
main(["info"], prog_name="alexnet-keras")
"""


@pytest.mark.parametrize("buffering", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("encoding", "stdout", "out", "code", "err"),
    [
        ("ascii", None, rb"h\xe9 \u2588 \u65e5", 0, b""),
        ("latin-1", None, b"h\xe9 " + rb"\u2588 \u65e5", 0, b""),
        ("utf-8", "/dev/full", None, 1, b"Error: The output cannot be written (No space left on device); remove files"),
        ("utf-8", "closed pipe", None, 1, b""),
    ],
)
def test_streams_that_take_not_everything(encoding, stdout, out, code, err, buffering):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUNBUFFERED": buffering}
    target = subprocess.PIPE
    if stdout == "closed pipe":
        reading, target = os.pipe()
        os.close(reading)
    elif stdout:
        target = os.open(stdout, os.O_WRONLY)
    command = [sys.executable, "-c", STREAMS]
    result = subprocess.run(command, check=False, stdout=target, stderr=subprocess.PIPE, env=environment, cwd=ROOT)
    if stdout:
        os.close(target)
    assert result.returncode == code
    assert result.stderr.startswith(err)
    assert len(result.stderr.splitlines()) == bool(err)
    assert stdout or result.stdout == out + b"\n"
