"""Passwords from a prompt, from standard input or from a file: never from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from offhook.errors import UsageError

__all__ = ["password_from"]

LONGEST_PASSWORD = 1024  # characters


def password_from(*, stdin: bool = False, file: Path | None = None, confirm: bool = True) -> str:
    """The password: the first line of standard input or of the file, else asked for (twice, if it
    is to be confirmed). Raises UsageError."""
    if stdin:
        password = sys.stdin.readline(LONGEST_PASSWORD + 2)
    elif file is not None:
        try:
            with file.open(encoding="utf-8") as lines:
                password = lines.readline(LONGEST_PASSWORD + 2)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the password from {file}: {error}") from None
    elif sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm))
    else:
        raise UsageError("no terminal to ask for the password; give --password-stdin")
    password = password.rstrip("\r\n")
    if not password or len(password) > LONGEST_PASSWORD:
        raise UsageError(f"the password must have 1 to {LONGEST_PASSWORD} characters")
    return password
