"""`offhook ctl NOUN [WORD ...]`: ask the running server over its Unix socket."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli.options import ConfigFile, Json, configuration
from offhook.cli.output import show
from offhook.server.control_client import ask

__all__ = ["attach"]


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("ctl")(ctl)


def ctl(
    noun: Annotated[
        str, typer.Argument(help="What to ask for: status, registrations, ...; help lists all.")
    ] = "help",
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="A verb, or what it is about.")
    ] = None,
    *,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Ask a running server, or tell it something.

    status, registrations [AOR], unregister AOR, transactions, connections, certificates, reload,
    bans [forgive ADDRESS], log-level [LEVEL], drain
    """
    socket = configuration(config).admin.socket
    show(ask(socket, noun, words or ()), as_json=json)
