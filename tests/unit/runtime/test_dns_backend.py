"""A cancelled look-up leaves no socket behind, at whatever turn of the loop it ends. Loopback,
below half a second.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import dns.asyncbackend
import dns.asyncresolver
import dns.nameserver
import pytest

from offhook.runtime.dns_backend import CancelSafeBackend
from tests.unit.runtime.loopback import Story, datagram_peer


def test_it_is_an_asyncio_backend(run: Story) -> None:
    async def story() -> None:
        backend: Any = CancelSafeBackend()  # dnspython gives its methods no types
        assert backend.name() == "asyncio"
        assert not backend.datagram_connection_required()
        await backend.sleep(0)
        made: Any = await backend.make_socket(
            socket.AF_INET, socket.SOCK_DGRAM, 0, ("127.0.0.1", 0)
        )
        assert (await made.getsockname())[0] == "127.0.0.1"
        await made.close()

    run(story())


@pytest.mark.parametrize("turns", range(8))
def test_cancelled_at_any_turn(run: Story, turns: int) -> None:
    async def story() -> None:
        with datagram_peer() as deaf:
            resolver = dns.asyncresolver.Resolver(configure=False)
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*deaf.getsockname())]
            before = len(os.listdir("/proc/self/fd"))
            question = asyncio.ensure_future(
                resolver.resolve("a.example", lifetime=2, backend=CancelSafeBackend())
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
            assert question.cancelled()
            for _ in range(3):  # a transport closes its descriptor in a later turn
                await asyncio.sleep(0)
            assert len(os.listdir("/proc/self/fd")) == before

    run(story())


def test_streams_are_made_too(run: Story) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            made: Any = await CancelSafeBackend().make_socket(
                socket.AF_INET, socket.SOCK_STREAM, 0, None, server.getsockname(), 1.0
            )
            assert await made.getpeername() == server.getsockname()
            await made.close()

    run(story())
