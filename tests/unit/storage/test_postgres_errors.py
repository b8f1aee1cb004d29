"""What an operator is told when PostgreSQL cannot be opened."""

from __future__ import annotations

import socket
import ssl

import pytest
from sqlalchemy.exc import DBAPIError

from offhook.storage.address import PostgresAddress
from offhook.storage.connections import DatabaseError
from offhook.storage.postgres_errors import cause, sqlstate

HERE = PostgresAddress("db.example.com", 5432, "offhook", "sip")
SOCKET = PostgresAddress("/run/pg", 5432, "offhook", "sip")


class ServerError(Exception):
    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.sqlstate = state


def wrapped(error: BaseException) -> DatabaseError:
    """As `Connections.run` raises it."""
    outer = DatabaseError("the database failed")
    outer.__cause__ = DBAPIError("SELECT", None, error)
    return outer


@pytest.mark.parametrize(
    ("state", "text", "remedy"),
    [
        ("28P01", "password authentication failed for user", "storage.password_file"),
        ("28000", 'role "offhook" does not exist', "pg_hba.conf"),
        ("3D000", 'database "sip" does not exist', "createdb --owner offhook sip"),
        ("42501", "permission denied for schema public", "owner of database sip"),
        ("25006", "cannot execute CREATE TABLE in a read-only transaction", "name the primary"),
        ("53300", "sorry, too many clients already", "max_connections"),
        ("57P03", "the database system is starting up", "try again"),
    ],
)
def test_what_the_server_says_comes_with_its_remedy(state: str, text: str, remedy: str) -> None:
    told = cause(wrapped(ServerError(state, text + "\nDETAIL: more")), HERE)
    assert told.startswith(f"{text}; ")
    assert remedy in told
    assert "\n" not in told


def test_another_state_is_told_as_it_is() -> None:
    assert cause(wrapped(ServerError("XX000", "cache lookup failed")), HERE) == (
        "cache lookup failed"
    )
    assert sqlstate(wrapped(ServerError("XX000", "x"))) == "XX000"
    assert sqlstate(OSError("x")) == ""


@pytest.mark.parametrize(
    ("error", "address", "told"),
    [
        (socket.gaierror(-2, "Name or service not known"), HERE, "there is no host db.example.com"),
        (ConnectionRefusedError(111, "Connect call failed"), HERE, "Connection refused; is Postgr"),
        (OSError(113, "No route to host"), HERE, "cannot reach db.example.com:5432: No route"),
        (TimeoutError(), HERE, "db.example.com:5432 did not answer in time"),
        (FileNotFoundError(2, "No such file"), SOCKET, "there is no socket /run/pg/.s.PGSQL.5432"),
        (ConnectionError("rejected SSL upgrade"), HERE, "does not offer TLS"),
        (ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED"), HERE, "see storage.tls"),
        (DatabaseError("something"), HERE, "something"),
    ],
)
def test_what_never_reached_the_server(error: OSError, address: PostgresAddress, told: str) -> None:
    assert told in cause(error, address)
    outer = DatabaseError("x")
    outer.__cause__ = error
    assert told in cause(outer, address)
