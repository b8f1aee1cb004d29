"""Where a PostgreSQL database is, as `storage.url` says it; and how to prove who we are.

    postgresql://USER@HOST:PORT/DATABASE
    postgresql://USER@/DATABASE?host=/var/run/postgresql    a Unix socket

A password in the URL is refused: it would stand in the configuration, in logs and in errors.
"""

from __future__ import annotations

import getpass
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

__all__ = ["Access", "PostgresAddress", "Tls", "parse_postgres"]

Tls = Literal["auto", "off", "encrypt", "verify"]

DEFAULT_PORT = 5432
DEFAULT_SOCKET_FOLDER = "/var/run/postgresql"
LONGEST_NAME = 63  # bytes of a user or database name: NAMEDATALEN - 1
HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,253}")
EXAMPLE = "write it as in postgresql://offhook@db.example.com/offhook"


@dataclass(frozen=True, slots=True)
class Access:
    """How to prove who we are and who the server is. Without `password_file`: PGPASSWORD, then
    ~/.pgpass. `tls` "auto" verifies, except on this machine, where it is off."""

    password_file: Path | None = None
    tls: Tls = "auto"
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """One database. `host` is a folder where the server is reached by a Unix socket."""

    host: str
    port: int
    user: str
    database: str

    @property
    def by_socket(self) -> bool:
        """Whether `host` is the folder of a Unix socket."""
        return self.host.startswith("/")

    @property
    def local(self) -> bool:
        """Whether the server is certainly on this machine."""
        if self.by_socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def server(self) -> str:
        """HOST:PORT, or the path of the socket."""
        if self.by_socket:
            return f"{self.host}/.s.PGSQL.{self.port}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        user, database = quote(self.user, safe=""), quote(self.database, safe="")
        if self.by_socket:
            return f"postgresql://{user}@:{self.port}/{database}?host={self.host}"
        return f"postgresql://{user}@{self.server}/{database}"


def parse_postgres(url: str) -> PostgresAddress:
    """Read a URL. Raises ValueError with a text that says what to write, without any password."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise ValueError(f"the URL of PostgreSQL has no valid host and port; {EXAMPLE}") from None
    if parts.password is not None:
        raise ValueError(
            "the URL holds a password; put it into a file and name that in storage.password_file"
        )
    if parts.scheme != "postgresql" or parts.fragment:
        raise ValueError(f"this is no URL of PostgreSQL; {EXAMPLE}")
    address = PostgresAddress(
        host=_host(parts), port=port, user=_user(parts), database=unquote(parts.path[1:])
    )
    if not address.database or "/" in address.database:
        raise ValueError(f"the URL of PostgreSQL names no database; {EXAMPLE}")
    for name in (address.user, address.database):
        if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME or not name.isprintable():
            raise ValueError(f"a user or database name has at most {LONGEST_NAME} bytes; {EXAMPLE}")
    return address


def _host(parts: SplitResult) -> str:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    folder = options.pop("host", "")
    if options:
        raise ValueError(
            f'the URL of PostgreSQL has the option "{next(iter(options))}"; the only one is host; '
            "TLS is chosen by storage.tls"
        )
    host = unquote(parts.hostname or "")
    if folder and (host or not folder.startswith("/")):
        raise ValueError(f"host= is the folder of a Unix socket and stands alone; {EXAMPLE}")
    if host and HOST.fullmatch(host) is None:
        raise ValueError(f"the URL of PostgreSQL has no valid host; {EXAMPLE}")
    return host or folder or DEFAULT_SOCKET_FOLDER


def _user(parts: SplitResult) -> str:
    if parts.username:
        return unquote(parts.username)
    try:
        return getpass.getuser()  # as every client of PostgreSQL does
    except (KeyError, OSError):
        raise ValueError(f"the URL of PostgreSQL names no user; {EXAMPLE}") from None
