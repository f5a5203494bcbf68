"""The command `web`."""

import json
from pathlib import Path

import click

from alexnet_keras.cli.options import example, json_option
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Port
from alexnet_keras.system.terminal_text import printable


@click.command(epilog=example("alexnet-keras web saved_models/RUN/web"))
@click.argument("folder", type=PathName(file_okay=False))
@click.option(
    "--port", type=Number(Port), default=8000, show_default=True, help="Port of this computer; 0 for any free one."
)
@json_option
def web(folder: Path, port: int, as_json: bool) -> None:
    """Serve FOLDER, which 'export --format web' wrote, to browsers on this computer.

    The address is http://127.0.0.1:8000/ unless --port says otherwise. Other computers cannot reach it.
    The server sends the headers that browsers need to run the network in several threads.
    Ctrl-C stops it.
    """
    from alexnet_keras.export.web_server import PageServer  # imports Python's web server, which `--help` does not need

    with PageServer(folder, port) as server:
        if as_json:
            click.echo(json.dumps({"folder": str(folder), "url": server.url}))
        else:
            click.echo(f"Serving {printable(str(folder))} at {server.url} until you press Ctrl-C.")
        server.serve_forever()
