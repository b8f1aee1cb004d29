"""The wire as a tool sees it: find an address, open a flow, send octets, wait for messages.

A sink of the network that turns its calls into coroutines. Streams are cut into messages here
(RFC 3261 18.3); what a message means is left to the callers.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from offhook.engine.actions import Open
from offhook.errors import FramingError, OffhookError, UriError
from offhook.message import KeepAlive, StreamFramer, Uri
from offhook.runtime.network import Network
from offhook.transport.flow import Address, Flow, Listener
from offhook.transport.hops import Hops
from offhook.transport.locate import PREFERENCE, expand, questions
from offhook.transport.next_hop import NextHop, next_hop
from offhook.transport.records import Answer
from offhook.transport.standing import Standing

__all__ = ["Arrival", "Link", "NoAnswerError", "SilentServerError", "link_over"]

T = TypeVar("T")

PROFILE = "tool"
MOST_WAITING = 1000  # messages that nobody has asked for yet; later ones are dropped
OPEN_SECONDS = 10.0  # longer than the network's own deadlines, which tell the reason


class NoAnswerError(OffhookError):
    """The far end cannot be reached or did not answer; the text is one line."""


class SilentServerError(NoAnswerError):
    """A server that could be reached gave no answer: another one may."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that came, or (`data` empty) the reason why no more will come on this flow."""

    flow: Flow
    data: bytes
    at: float  # the network's clock
    lost: str = ""


@asynccontextmanager
async def link_over(network: Network, *, local: Address | None = None) -> AsyncIterator[Link]:
    """A link over this network, which is stopped at the end."""
    link = Link(network, local)
    network.attach(link)
    try:
        yield link
    finally:
        await network.stop()


class Link:
    """One tool's way to the network. `local`: the UDP address to send from, any if None."""

    def __init__(self, network: Network, local: Address | None = None) -> None:
        self._network = network
        self._local = local
        self._bound: set[bool] = set()  # IP versions with a UDP socket: True is 6
        self._tickets = itertools.count(1)
        self._opening: dict[int, asyncio.Future[Flow]] = {}
        self._resolving: dict[int, asyncio.Future[Sequence[Answer]]] = {}
        self._framers: dict[str, StreamFramer] = {}
        self._standing = Standing()
        # the hop of each flow, and whether others were left
        self._ways: dict[Address, tuple[NextHop | None, bool]] = {}
        self._arrived: asyncio.Queue[Arrival] = asyncio.Queue(MOST_WAITING)

    # What tools call

    def now(self) -> float:
        """The network's monotonic seconds."""
        return self._network.now()

    async def connect(self, uri: Uri) -> Flow:
        """A flow to where this URI leads; its servers are tried in turn (RFC 3263), silent ones
        last. Raises NoAnswerError."""
        try:
            first = next_hop(uri)
        except UriError as error:
            raise NoAnswerError(f"{uri}: {error.reason}") from None
        reasons = []
        hops = Hops(first, self._standing.troubled)
        while (hop := hops.take(self.now())) is not None:
            try:
                if hop.literal:
                    flow = await self._open(hop)
                    self._ways[flow.remote] = (hop, hops.promising)
                    return flow
                hops.found(await self._expand(hop))
            except NoAnswerError as error:
                reasons.append(str(error))
        raise NoAnswerError(
            "; ".join(reasons) or f"{first.host}: no address is known for this name"
        )

    def silent(self, flow: Flow) -> bool:
        """Note that nobody answered on a flow; True if `connect` will lead to another server."""
        hop, more = self._ways.pop(flow.remote, (None, False))
        if hop is not None:
            self._standing.failed(hop, self.now())
        return more

    def send(self, flow: Flow, data: bytes) -> None:
        """Send now."""
        self._network.send(flow, data)

    async def next_arrival(self, until: float) -> Arrival | None:
        """The next arrival; None if there is none before `until` (the network's clock)."""
        if not self._arrived.empty():
            return self._arrived.get_nowait()
        try:
            async with asyncio.timeout(max(until - self.now(), 0.0)):
                return await self._arrived.get()
        except TimeoutError:
            return None

    async def _expand(self, hop: NextHop) -> Sequence[NextHop]:
        """What a name leads to (RFC 3263)."""
        asked = questions(hop)
        answers = await self._ask(self._resolving, lambda t: self._network.resolve(t, asked))
        return expand(hop, answers, PREFERENCE, random.random)

    async def _open(self, hop: NextHop) -> Flow:
        ipv6 = ":" in hop.host
        if hop.transport == "UDP" and ipv6 not in self._bound:
            await self._bind(ipv6)
        shown = f"[{hop.host}]" if ipv6 else hop.host
        where = f"{shown}:{hop.port} over {hop.transport}"

        def begin(ticket: int) -> None:
            destination = (hop.host, hop.port)
            name = hop.server_name
            self._network.open(Open(ticket, PROFILE, hop.transport, destination, server_name=name))

        try:
            return await self._ask(self._opening, begin)
        except NoAnswerError as error:
            raise NoAnswerError(f"{where}: {error}") from None

    async def _bind(self, ipv6: bool) -> None:
        host, port = self._local or ("::" if ipv6 else "0.0.0.0", 0)
        await self._network.listen(Listener(PROFILE, "UDP", host, port))
        self._bound.add(ipv6)

    async def _ask(self, waiting: dict[int, asyncio.Future[T]], begin: Callable[[int], None]) -> T:
        ticket = next(self._tickets)
        future = waiting[ticket] = asyncio.get_running_loop().create_future()
        begin(ticket)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                answer: T = await future
                return answer
        except TimeoutError:
            raise NoAnswerError(f"no answer within {OPEN_SECONDS:g} s") from None
        finally:
            waiting.pop(ticket, None)

    # What the network calls

    def receive(self, flow: Flow, data: bytes) -> None:
        """Cut octets of a stream into messages; a datagram is one."""
        if not flow.reliable:
            self._arrive(Arrival(flow, data, self.now()))
            return
        framer = self._framers.setdefault(flow.name, StreamFramer())
        try:
            found = framer.feed(data)
        except FramingError as error:
            self._network.close(flow)
            self._arrive(Arrival(flow, b"", self.now(), f"not a SIP stream: {error.reason}"))
            return
        for item in found:
            if not isinstance(item, KeepAlive):
                self._arrive(Arrival(flow, item, self.now()))

    def flow_accepted(self, flow: Flow) -> None:
        """Never: a link does not listen for connections."""

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        """The answer to `Open`."""
        future = self._opening.get(ticket)
        if future is not None and not future.done():
            future.set_result(flow)

    def open_failed(self, ticket: int, reason: str) -> None:
        """The answer to `Open`."""
        future = self._opening.get(ticket)
        if future is not None and not future.done():
            future.set_exception(NoAnswerError(reason))

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection ended."""
        self._framers.pop(flow.name, None)
        self._arrive(Arrival(flow, b"", self.now(), f"connection lost: {reason}"))

    def send_failed(self, flow: Flow) -> None:
        """A datagram did not reach its destination."""
        self._arrive(Arrival(flow, b"", self.now(), "nobody listens there (port unreachable)"))

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        """The answer to `resolve`."""
        future = self._resolving.get(ticket)
        if future is not None and not future.done():
            future.set_result(answers)

    def flush(self) -> None:
        """Nothing waits for the end of a batch."""

    def _arrive(self, arrival: Arrival) -> None:
        if not self._arrived.full():
            self._arrived.put_nowait(arrival)
