"""Types of options and arguments, which refuse values out of range before a command does any work."""

import os
from pathlib import Path
from typing import Any

import click

from alexnet_keras.config.ranges import DESCRIPTIONS, PathText
from alexnet_keras.system.input_files import URL
from alexnet_keras.system.terminal_text import brief


class Number(click.ParamType):  # type: ignore[type-arg]  # only generic since click 8.5
    """A number with a range."""

    def __init__(self, annotated: Any) -> None:
        self.kind, self.allowed = annotated.__origin__, annotated.__metadata__[0]
        self.name = {int: "integer", float: "float"}[self.kind]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = self.kind(value)
        except (ValueError, OverflowError):
            self.fail(f"{brief(value)} is not {DESCRIPTIONS[self.kind]}.", param, ctx)
        if number not in self.allowed:
            self.fail(f"it must be {self.allowed}, got {brief(number)}.", param, ctx)
        return number


class PathName(click.Path):
    """A path that every file system and library can take; it need not exist."""

    def __init__(self, of: Any = Path, **options: Any) -> None:
        super().__init__(path_type=of, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if URL.match(os.fspath(value)) and "://" in os.fspath(value):
            self.fail(f"{brief(value)} is a URL; download the file and give its path.", param, ctx)
        if os.fspath(value) not in PathText():
            self.fail(f"{brief(value)} must be {PathText()}.", param, ctx)
        if not self.file_okay and os.path.isfile(value):
            self.fail(f"{brief(value)} is a file; give a folder.", param, ctx)
        if not self.dir_okay and os.path.isdir(value):
            self.fail(f"{brief(value)} is a folder; give a file.", param, ctx)
        return super().convert(value, param, ctx)
