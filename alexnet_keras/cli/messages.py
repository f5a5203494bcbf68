"""Messages of the library in the words of the command line.

The library names its arguments in backticks: "`batch_size` 500 is larger than the 300 training images". A user of the
command line has options instead, so the command line prints "--batch-size 500 is larger than ...".
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

import click

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.training import TrainConfig

_ARGUMENT = re.compile(r"`(\w+)(?:=([^`]+))?`")


def in_options(message: str, program: click.Group, arguments: Sequence[str] = ()) -> str:
    """Replace each argument in backticks by its option.

    Args:
        arguments: those of the call. If the command has `--set`, a field that is an option only of other commands
            becomes `--set NAME` or `--change NAME`.

    Returns:
        The message, where `` `batch_size` `` is `--batch-size`, `` `devices="cpu:2"` `` is `--devices cpu:2`,
        `` `resume=True` `` is `--resume` and `` `upright=False` `` is `--no-upright`. A field of `TrainConfig` without
        an option becomes `--set NAME`, one of `Architecture` becomes `--change NAME`. Other words in backticks stay.
    """
    command: click.Command = program
    for word in arguments:
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
    own = dict(_options(command))
    options = {**dict(_options(program)), **own}
    fields = {
        **{field.name: "--change" for field in dataclasses.fields(Architecture) if field.name != "name"},
        **{field.name: "--set" for field in dataclasses.fields(TrainConfig)},
    }

    def replace(found: re.Match[str]) -> str:
        name, value = found[1], (found[2] or "").strip("\"'")
        if value == "False" and f"no_{name}" in options:
            return options[f"no_{name}"]
        if name in options and not (name in fields and name not in own and "set" in own):
            return f"{options[name]} {value}" if value and value != "True" else options[name]
        if name in fields:
            return f"{fields[name]} {name}={value}" if value else f"{fields[name]} {name}"
        return found[0]

    return _ARGUMENT.sub(replace, message)


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield (argument, option) of a command and of its subcommands."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            option = max(parameter.opts, key=len)
            yield option.removeprefix("--").replace("-", "_"), option
            yield str(parameter.name), option
            yield from ((f"no_{parameter.name}", negative) for negative in parameter.secondary_opts)
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _options(child)
