"""The admin listener: `GET /health` over HTTP/1.1, for load balancers and service managers.

One path needs no web framework: a request head of bounded size within a deadline, one answer, and
the connection is closed (RFC 9112). It listens where `[admin] listen` says, loopback as a rule, and
tells nothing but the state of the server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import structlog

from offhook.errors import StartError
from offhook.server.json_value import Json
from offhook.transport import Address

__all__ = ["Admin", "Health"]

Health = Callable[[], Awaitable[Mapping[str, Json]]]  # "status": "ok" is 200, anything else 503

LONGEST_HEAD = 8 * 1024  # bytes; what common HTTP servers take
MOST_CONNECTIONS = 64
READ_SECONDS = 5.0
HEALTH_SECONDS = 2.0  # a storage that needs longer is not healthy
WRITE_SECONDS = 5.0

log = structlog.get_logger()


class Admin:
    """The listener. `health` is asked for each request."""

    def __init__(self, address: Address, health: Health) -> None:
        self._address = address
        self._health = health
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> Address:
        """Listen; the address with its real port. Raises StartError."""
        host, port = self._address
        try:
            server = await asyncio.start_server(self._serve, host, port, limit=LONGEST_HEAD)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StartError(f"admin.listen: cannot listen on {host}:{port}: {reason}") from None
        self._server = server
        self._address = (host, server.sockets[0].getsockname()[1])
        return self._address

    async def stop(self) -> None:
        """Close the listener and what is connected."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._connections):
                writer.transport.abort()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(writer)
        try:
            async with asyncio.timeout(READ_SECONDS):
                answer = await self._read_and_answer(reader)
            async with asyncio.timeout(WRITE_SECONDS):
                writer.write(answer)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away, or is too slow
        except Exception:  # a fault of ours must not take the listener down
            log.exception("admin_failed")
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _read_and_answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, {})
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST, {})
        method, target = words[0], words[1].split(b"?", 1)[0]
        if target != b"/health":
            return _response(HTTPStatus.NOT_FOUND, {"error": "there is /health"})
        if method not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, {}, allow="GET, HEAD")
        status, state = await self._ask()
        return _response(status, state, with_body=method == b"GET")

    async def _ask(self) -> tuple[HTTPStatus, Mapping[str, Json]]:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                state = await self._health()
        except TimeoutError:
            state = {"status": "failed", "reason": f"no answer within {HEALTH_SECONDS:g} s"}
        healthy = state.get("status") == "ok"
        return (HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE), state


def _response(
    status: HTTPStatus, state: Mapping[str, Json], *, allow: str = "", with_body: bool = True
) -> bytes:
    body = json.dumps(state or {"error": status.phrase}).encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if allow:
        lines.append(f"Allow: {allow}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + body if with_body else head
