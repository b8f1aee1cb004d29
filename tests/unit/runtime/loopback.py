"""What the tests of the real network share: a sink that remembers and a network on both event
loops.

These tests use sockets on the loopback interface, each for well under half a second, and wait for
events instead of sleeping: what they show is how the kernel and two event loops behave.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager

from offhook.engine.actions import Open
from offhook.runtime.limits import Limits
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.transport.flow import Address, Flow, Listener
from offhook.transport.records import Answer

PATIENCE = 3.0  # seconds until a test gives up

Story = Callable[[Coroutine[object, object, None]], None]


class Recorder:
    """A sink that keeps what it is told. `answer`, if set, is called for what comes in."""

    def __init__(self) -> None:
        self.received: list[tuple[Flow, bytes]] = []
        self.accepted: list[Flow] = []
        self.opened: dict[int, Flow] = {}
        self.failed: dict[int, str] = {}
        self.lost: dict[Flow, str] = {}
        self.unreachable: list[Flow] = []
        self.addresses: dict[int, Sequence[str]] = {}
        self.flushes = 0
        self.answer: Callable[[Flow, bytes], None] | None = None
        self._changed = asyncio.Event()

    def receive(self, flow: Flow, data: bytes) -> None:
        self.received.append((flow, data))
        if self.answer is not None:
            self.answer(flow, data)

    def flow_accepted(self, flow: Flow) -> None:
        self.accepted.append(flow)

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        self.opened[ticket] = flow

    def open_failed(self, ticket: int, reason: str) -> None:
        self.failed[ticket] = reason

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.lost[flow] = reason

    def send_failed(self, flow: Flow) -> None:
        self.unreachable.append(flow)

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        self.addresses[ticket] = answers[0].addresses

    def flush(self) -> None:
        self.flushes += 1
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds after a flush."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def network(
    *,
    limits: Limits | None = None,
    tls: TlsFiles | None = None,
    name_servers: Sequence[Address] = (),
) -> AsyncIterator[tuple[SocketNetwork, Recorder]]:
    """A network with its sink, stopped at the end."""
    sockets = SocketNetwork(limits=limits, tls=Tls(tls), name_servers=name_servers)
    sink = Recorder()
    sockets.attach(sink)
    try:
        yield sockets, sink
    finally:
        await sockets.stop()


def listener(transport: str, host: str = "127.0.0.1", *, profile: str = "internal") -> Listener:
    """A listener on a port that the system chooses."""
    return Listener(profile, transport, host, 0)


async def opened(sockets: SocketNetwork, sink: Recorder, request: Open) -> Flow:
    """The flow that answers `request`."""
    sockets.open(request)
    await sink.until(lambda: request.ticket in sink.opened or request.ticket in sink.failed)
    assert request.ticket in sink.opened, sink.failed
    return sink.opened[request.ticket]


async def refused(sockets: SocketNetwork, sink: Recorder, request: Open) -> str:
    """The reason why `request` got no flow."""
    sockets.open(request)
    await sink.until(lambda: request.ticket in sink.opened or request.ticket in sink.failed)
    assert request.ticket in sink.failed, sink.opened
    return sink.failed[request.ticket]


def datagram_peer(host: str = "127.0.0.1") -> socket.socket:
    """A UDP socket of the other side; reading blocks for a short time only."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_DGRAM)
    peer.bind((host, 0))
    peer.settimeout(PATIENCE)
    return peer


def dead_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> Address:
    """An address where nobody listens."""
    with socket.socket(socket.AF_INET, kind) as unused:
        unused.bind(("127.0.0.1", 0))
        host, port = unused.getsockname()
    return host, port
