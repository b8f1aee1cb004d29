"""The admin listener: a few pages over HTTP/1.1, for load balancers, service managers, monitoring.

| page | says |
|---|---|
| `/health` | 200 if new calls are welcome, 503 while draining or if the storage fails |
| `/live` | 200 as long as the event loop turns: nothing that a restart would not cure |
| `/metrics` | the numbers, in Prometheus' text format |

Three pages need no web framework: a request head of bounded size within a deadline, one answer, and
the connection is closed (RFC 9112). It listens where `[admin] listen` says, loopback as a rule.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from offhook.errors import StartError
from offhook.server.json_value import Json
from offhook.transport import Address

__all__ = ["Admin", "Health", "Page", "Reply", "health_page", "live_page"]

LONGEST_HEAD = 8 * 1024  # bytes; what common HTTP servers take
MOST_CONNECTIONS = 64
READ_SECONDS = 5.0
HEALTH_SECONDS = 2.0  # a storage that needs longer is not healthy
WRITE_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"


Page = Callable[[], Awaitable[Reply]]
Health = Callable[[], Awaitable[Mapping[str, Json]]]  # "status": "ok" is 200, anything else 503


def health_page(health: Health) -> Page:
    """`health` as a page. One that does not answer in time is not healthy."""

    async def page() -> Reply:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                state = await health()
        except TimeoutError:
            state = {"status": "failed", "reason": f"no answer within {HEALTH_SECONDS:g} s"}
        healthy = state.get("status") == "ok"
        return _json(HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE, state)

    return page


async def live_page() -> Reply:
    """Who gets this knows that the event loop turns."""
    return _json(HTTPStatus.OK, {"status": "live"})


class Admin:
    """The listener. `pages` are asked for each request, by path."""

    def __init__(self, address: Address, pages: Mapping[str, Page]) -> None:
        self._address = address
        self._pages = {path.encode(): page for path, page in pages.items()}
        self._there_is = f"there is {', '.join(pages)}"
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
                writer.close()
                await writer.wait_closed()  # all has left
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away, or is too slow
        except Exception:  # a fault of ours must not take the listener down
            log.exception("admin_failed")
        finally:
            self._connections.discard(writer)
            writer.transport.abort()  # else what a client does not read would stay for good

    async def _read_and_answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _refusal(HTTPStatus.BAD_REQUEST)
        method, target = words[0], words[1].split(b"?", 1)[0]
        page = self._pages.get(target)
        if page is None:
            return _refusal(HTTPStatus.NOT_FOUND, self._there_is)
        if method not in (b"GET", b"HEAD"):
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, allow="GET, HEAD")
        return _octets(await page(), with_body=method == b"GET")


def _json(status: HTTPStatus, state: Mapping[str, Json]) -> Reply:
    return Reply(status, json.dumps(state).encode() + b"\n")


def _refusal(status: HTTPStatus, reason: str = "", *, allow: str = "") -> bytes:
    return _octets(_json(status, {"error": reason or status.phrase}), allow=allow)


def _octets(reply: Reply, *, allow: str = "", with_body: bool = True) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if allow:
        lines.append(f"Allow: {allow}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + reply.body if with_body else head
