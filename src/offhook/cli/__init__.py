"""The command `offhook`: one file a command, of which only the one that is called is imported.

Exit codes: 0 success, 1 failure (one actionable line on standard error), 2 wrong usage or
configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Annotated

import typer

from offhook.errors import ConfigurationError, OffhookError
from offhook.version import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "serve": "Run an exchange until SIGTERM or SIGINT.",
    "check": "Check the configuration and a routing program.",
    "config": "Show the configuration in force, each value with its origin.",
    "user": "Accounts: add, list, remove, change the password, import.",
    "ctl": "Ask a running server, or tell it something.",
    "ping": "Send OPTIONS and tell the answer and the round trip.",
    "register": "Register a phone and tell what the registrar answers.",
    "send": "Send one raw request and print what comes back.",
}
NOT_AVAILABLE = ("answer", "call", "load", "replay", "trace", "why")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments (default: those of the process) name, and exit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words[0] if words else ""
    if command in NOT_AVAILABLE:
        _fail([f"offhook {command} is not available yet"], 2)
    completing = "_OFFHOOK_COMPLETE" in os.environ
    try:
        _application(set(COMMANDS) if completing else {command})(words, prog_name="offhook")
    except ConfigurationError as error:
        _fail(error.faults, 2)
    except OffhookError as error:
        _fail([str(error)], 1)
    except BrokenPipeError:
        sys.exit(1)  # who read our output has gone


def _application(called: Collection[str]) -> typer.Typer:
    """The program; of commands that are not called only name and help are there."""
    application = typer.Typer(
        help="A SIP platform: an exchange, and tools for any SIP system.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    application.callback()(_root)
    for name, text in COMMANDS.items():
        if name in called:
            import_module(f"offhook.cli.{name}").attach(application)
        else:
            application.command(name, help=text)(_listed_only)
    return application


def _listed_only() -> None:
    """Stands for a command in the list of commands."""


def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            is_eager=True,
            callback=lambda asked: _show_version(asked),
        ),
    ] = False,
) -> None:
    """Options before the command."""


def _show_version(asked: bool) -> None:
    if asked:
        print(f"offhook {__version__}")
        raise typer.Exit


def _fail(lines: Sequence[str], code: int) -> None:
    for line in lines:
        print(f"offhook: {line}", file=sys.stderr)
    sys.exit(code)
