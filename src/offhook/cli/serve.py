"""`offhook serve`: run an exchange."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from typing import Annotated

import typer
import uvloop

from offhook.cli.options import ConfigFile, Database, configuration
from offhook.errors import ConfigurationError
from offhook.server.build import build
from offhook.server.checks import missing_files
from offhook.server.descriptors import raise_descriptors
from offhook.server.serve import serve

__all__ = ["attach"]


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("serve")(serve_command)


def serve_command(
    program: Annotated[
        str | None,
        typer.Argument(metavar="[PROGRAM]", help="The routing program: PROGRAM.py or module:name."),
    ] = None,
    *,
    config: ConfigFile = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="udp:HOST:PORT",
            help="A listener, over those of the only profile; may be given several times.",
        ),
    ] = None,
    db: Database = None,
) -> None:
    """Run an exchange until SIGTERM or SIGINT.

    It prints where it listens and how to connect, and the line `ready` last.
    """
    flags = {"listen": listen or None, "storage.url": db}
    loaded = configuration(config, flags)
    faults = missing_files(loaded)
    if faults:
        raise ConfigurationError(faults)
    raise_descriptors()
    run = serve(loaded, program, build, environ=os.environ, show=partial(print, flush=True))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(run))
