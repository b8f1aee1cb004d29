"""How dnspython gets its sockets, made safe to cancel.

uvloop never closes a datagram endpoint whose maker was cancelled, and its loop can then not be
closed either: the process would hang at its end. So making one, a turn of the loop, is not cut
short; the socket is closed at once if nobody wants it any more.
"""

from __future__ import annotations

import asyncio
import socket

import dns.asyncbackend
from dns._asyncbackend import Backend, Socket  # not re-exported for type checkers

__all__ = ["CancelSafeBackend"]


class CancelSafeBackend(Backend):
    """dnspython's own asyncio backend with a shield around the making of datagram sockets."""

    def __init__(self) -> None:
        self._inner = dns.asyncbackend.get_backend("asyncio")

    def name(self) -> str:
        return self._inner.name()

    async def make_socket(self, af: int, socktype: int, *rest: object, **options: object) -> Socket:
        make = self._inner.make_socket(af, socktype, *rest, **options)  # type: ignore[no-untyped-call]  # no types in dnspython
        making: asyncio.Future[Socket] = asyncio.ensure_future(make)
        if socktype != socket.SOCK_DGRAM:
            return await making
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            made = await making
            await made.close()  # type: ignore[no-untyped-call]  # no types in dnspython
            raise

    async def sleep(self, interval: float) -> None:
        await asyncio.sleep(interval)
