"""`offhook config`: the values in force, each with its origin."""

from __future__ import annotations

import json as json_format

import typer

from offhook.cli.options import ConfigFile, Database, Json, configuration

__all__ = ["attach"]


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("config")(config_command)


def config_command(*, config: ConfigFile = None, db: Database = None, json: Json = False) -> None:
    """Show the configuration in force, each value with its origin.

    Origins are default, file, environment and flag.
    """
    loaded = configuration(config, {"storage.url": db})
    if json:
        document = {key: {"value": v, "origin": o} for key, v, o in loaded.effective()}
        print(json_format.dumps(document))
        return
    for key, value, origin in loaded.effective():
        shown = '""' if value is None else json_format.dumps(value, ensure_ascii=False)
        print(f"{key} = {shown}  # {origin}")
