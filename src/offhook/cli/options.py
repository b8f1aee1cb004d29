"""Options that several commands have, and what they lead to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from offhook.server.config import find, load
from offhook.server.schema import Config

__all__ = [
    "Authority",
    "ConfigFile",
    "Database",
    "Json",
    "Transport",
    "configuration",
]

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration (default: offhook.toml in the working folder, if there).",
        show_default=False,
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="The database, over storage.url."
        " sqlite:FILE, postgresql://USER@HOST/DATABASE or memory:.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Transport = Annotated[
    str | None, typer.Option(metavar="udp|tcp|tls", help="Over the transport of the URI.")
]
Authority = Annotated[
    Path | None,
    typer.Option(
        "--ca", metavar="FILE", help="PEM file of whom to trust over TLS (default: tls.ca, system)."
    ),
]


def configuration(file: Path | None, flags: Mapping[str, object] | None = None) -> Config:
    """The configuration that the command works with. Raises ConfigurationError."""
    return load(find(file), flags or {}, os.environ)
