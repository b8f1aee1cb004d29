"""Why a PostgreSQL database cannot be opened, in one line that leads to the remedy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from offhook.storage.address import PostgresAddress
from offhook.storage.schema import first_line

__all__ = ["cause", "sqlstate"]

# SQLSTATE (PostgreSQL Appendix A) -> what to do; its server's own words come before it
_REMEDIES = {
    "28P01": "give the password of {user} in storage.password_file, PGPASSWORD or ~/.pgpass",
    "28000": "let {user} in by pg_hba.conf, or create the role",
    "3D000": "create it: createdb --owner {user} {database}",
    "42501": "make {user} the owner of database {database}, or grant it CREATE on its schema",
    "25006": "this is a read-only standby; name the primary",
    "53300": "raise max_connections there",
    "57P03": "the server is starting or stopping; try again",
}


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = getattr(seen, "orig", None) or seen.__cause__


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of an error, "" if the server did not send it."""
    for each in chain(error):
        state = getattr(each, "sqlstate", None)
        if isinstance(state, str):
            return state
    return ""


def cause(error: BaseException, address: PostgresAddress) -> str:
    """One line."""
    found = list(chain(error))
    last = found[-1]
    state = sqlstate(error)
    if state:
        remedy = _REMEDIES.get(state, "")
        told = next(first_line(each) for each in reversed(found) if getattr(each, "sqlstate", ""))
        more = remedy.format(user=address.user, database=address.database)
        return f"{told}; {more}" if more else told
    for each in found:
        if isinstance(each, socket.gaierror):
            return f"there is no host {address.host}: {each.strerror}"
        if isinstance(each, ssl.SSLError):
            reason = _tls_reason(each)
            return f"TLS with {address.server} failed: {reason}; see storage.tls, storage.ca"
        if isinstance(each, TimeoutError):
            return f"{address.server} did not answer in time"
        if isinstance(each, FileNotFoundError) and address.by_socket:
            return f"there is no socket {address.server}; is PostgreSQL running?"
        if isinstance(each, ConnectionError) and "SSL upgrade" in str(each):
            return f"{address.server} does not offer TLS; enable it there, or set storage.tls"
        if isinstance(each, OSError):
            return f"cannot reach {address.server}: {_reason(each)}; is PostgreSQL running there?"
    return first_line(last)


def _reason(error: OSError) -> str:
    """asyncio puts several failures into one text; the errno says it better."""
    text = error.strerror or str(error)
    return "Connection refused" if isinstance(error, ConnectionRefusedError) else text


def _tls_reason(error: ssl.SSLError) -> str:
    text = str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error)
    return text.replace("_", " ").lower() if text.isupper() else text
