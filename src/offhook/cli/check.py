"""`offhook check`: is the configuration right, and does the routing program load?"""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli.options import ConfigFile, configuration
from offhook.errors import ConfigurationError
from offhook.server.build import build
from offhook.server.checks import missing_files

__all__ = ["attach"]


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("check")(check)


def check(
    program: Annotated[
        str | None, typer.Argument(metavar="[PROGRAM]", help="PROGRAM.py or module:name.")
    ] = None,
    *,
    config: ConfigFile = None,
) -> None:
    """Check the configuration and a routing program.

    One line for each fault, and exit code 2 if there is one.
    """
    loaded = configuration(config)
    faults = missing_files(loaded)
    try:
        build(loaded, program)
    except ConfigurationError as error:
        faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    profiles = ", ".join(loaded.profiles)
    print(f"ok: {len(loaded.domains)} domain(s), profiles {profiles}, {loaded.storage.url}")
