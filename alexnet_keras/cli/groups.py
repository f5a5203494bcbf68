"""Groups of commands, whose errors and help name the commands that they have."""

import click

from alexnet_keras.system.terminal_text import brief


class Group(click.Group):
    """A group whose error for an unknown command names those that exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"There is no command {brief(name)}; choose from {', '.join(names)}.", ctx)
        return super().resolve_command(ctx, args)


class Subcommands(Group):
    """A group whose help has the whole first sentence of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(1000)) for name, each in sorted(self.commands.items())])
