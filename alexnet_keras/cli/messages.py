"""Messages of the library in the words of the command line.

The library speaks of its arguments, in backticks: "`batch_size` 500 is larger than the 300 training images". A user of
the command line has options instead, so there the message says "--batch-size 500". Only this module knows both.
"""

import dataclasses
import re
from collections.abc import Iterator

import click

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.training import TrainConfig

_ARGUMENT = re.compile(r"`(\w+)(?:=True)?`")


def in_options(message: str, program: click.Group) -> str:
    """Replace each argument in backticks by its option.

    Args:
        message: a message of the library.
        program: the command line, whose commands' options are known by their arguments' names.

    Returns:
        The message; a field of the configuration without an option of its own becomes `--set NAME`, and words in
        backticks that are neither stay.
    """
    options = dict(_options(program))
    fields = {field.name for kind in (TrainConfig, Architecture) for field in dataclasses.fields(kind)}

    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if name in options:
            return options[name]
        return f"--set {name}" if name in fields else found[0]

    return _ARGUMENT.sub(replace, message)


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name:
            yield parameter.name, max(parameter.opts, key=len)
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _options(child)
