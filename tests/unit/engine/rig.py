"""An engine with a driver of a few lines: ways and names are answered at once, time is a number."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.actions import Close, Open, Resolve, Send
from offhook.engine.engine import Engine
from offhook.engine.events import Event, RequestReceived
from offhook.engine.incoming import Incoming
from offhook.engine.settings import EngineSettings
from offhook.message import Message, parse
from offhook.proxy.response_context import Fork
from offhook.proxy.target import ForkRequest, Target
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Address, Flow, Listener
from tests.unit.names import from_names

CALLER: Address = ("198.51.100.1", 5060)
CALLEE: Address = ("198.51.100.2", 5060)
TARGET = "sip:bob@198.51.100.2:5060"
UDP = Listener("p", "UDP", "192.0.2.1", 5060)
TCP = Listener("p", "TCP", "192.0.2.1", 5060)
TLS = Listener("p", "TLS", "192.0.2.1", 5061)
WSS = Listener("p", "WSS", "192.0.2.1", 7443)


class Rig:
    """`sent` holds (remote address, message) of everything that left."""

    def __init__(self, *, max_transactions: int = 1000) -> None:
        settings = EngineSettings(
            key=b"k" * 32,
            boot="b",
            domains=frozenset({"example.com"}),
            max_transactions=max_transactions,
        )
        self.engine = Engine(settings)
        self.now = 0.0
        self.sent: list[tuple[Address, Message]] = []
        self.raw: list[tuple[Flow, bytes]] = []
        self.events: list[Event] = []
        self.opened: list[Open] = []
        self.closed: list[Flow] = []
        self.dead: set[str] = set()  # hosts that refuse
        self.names: dict[str, Sequence[str]] = {}
        self._connections = 0
        for listener in (UDP, TCP, TLS, WSS):
            self.engine.add_listener(listener)

    # inputs ------------------------------------------------------------
    def receive(self, data: bytes, flow: Flow | None = None) -> None:
        """A datagram of the caller, or octets on a flow."""
        self.engine.receive(flow or datagram(CALLER), data, self.now)
        self.run()

    def request(self, data: bytes, flow: Flow | None = None) -> Incoming:
        """Receive a request that the application has to decide."""
        self.receive(data, flow)
        event = self.events.pop()
        assert isinstance(event, RequestReceived), event
        return event.incoming

    def invite(self) -> Incoming:
        """An INVITE to bob."""
        return self.request(build_request("INVITE", "sip:bob@example.com", source=CALLER))

    def fork(self, incoming: Incoming, *targets: Target, ring: float = 120.0) -> Fork:
        """Fork a request; TARGET if no target is said."""
        request = ForkRequest([list(targets) or [Target(TARGET)]], ring)
        fork = self.engine.fork(incoming, request, self.now)
        self.run()
        return fork

    def answer(self, status: int, *, tag: str = "callee", source: Address = CALLEE) -> None:
        """The callee answers the last INVITE or other request that was sent to it."""
        request = self.to(source)[-1].to_bytes()
        self.receive(build_response(request, status, to_tag=tag), datagram(source))

    def accept(self, listener: Listener, remote: Address) -> Flow:
        """A peer connects."""
        self._connections += 1
        flow = Flow(listener, (listener.host, listener.port), remote, f"c{self._connections}")
        self.engine.flow_accepted(flow, self.now)
        self.run()
        return flow

    def lose(self, flow: Flow) -> None:
        """A connection ends."""
        self.engine.flow_lost(flow, "test", self.now)
        self.run()

    def advance(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end = self.now + seconds
        while (deadline := self.engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.engine.advance(self.now)
            self.run()
        self.now = end

    # outputs ------------------------------------------------------------
    def run(self) -> None:
        """Do what the engine asks."""
        while self.engine.has_actions or self.engine.has_events:
            self.events += self.engine.events()
            for action in self.engine.actions():
                if isinstance(action, Send):
                    self.raw.append((action.flow, action.data))
                    if len(action.data) > 20 and action.data[0] >= 0x40:  # no pong, no STUN
                        self.sent.append((action.flow.remote, parse(action.data)))
                elif isinstance(action, Open):
                    self._open(action)
                elif isinstance(action, Resolve):
                    found = from_names(self.names, action.questions)
                    self.engine.resolved(action.ticket, found, self.now)
                elif isinstance(action, Close):
                    self.closed.append(action.flow)
                    self.engine.flow_lost(action.flow, "closed", self.now)

    def to(self, remote: Address) -> list[Message]:
        """The requests that were sent there."""
        return [message for address, message in self.sent if address == remote and message.method]

    def statuses(self, remote: Address = CALLER) -> list[int]:
        """The statuses that were sent there."""
        return [message.status for to, message in self.sent if to == remote and message.status]

    def take(self) -> list[Message]:
        """What was sent since the last call."""
        found = [message for _, message in self.sent]
        self.sent.clear()
        return found

    def _open(self, action: Open) -> None:
        self.opened.append(action)
        host, port = action.destination
        if host in self.dead:
            self.engine.open_failed(action.ticket, self.now)
        elif action.transport == "UDP":
            self.engine.flow_opened(action.ticket, datagram((host, port)), self.now)
        else:
            self._connections += 1
            listener = TLS if action.transport == "TLS" else TCP
            local = ("192.0.2.1", 40_000 + self._connections)
            flow = Flow(listener, local, (host, port), f"c{self._connections}")
            self.engine.flow_opened(action.ticket, flow, self.now)


_FLOWS: dict[Address, Flow] = {}


def datagram(remote: Address) -> Flow:
    """The UDP flow to an address, always the same object."""
    if remote not in _FLOWS:
        _FLOWS[remote] = Flow(UDP, ("192.0.2.1", 5060), remote)
    return _FLOWS[remote]


def ack_of(invite: bytes, tag: str) -> bytes:
    """The ACK of a refusal."""
    text = invite.replace(b"INVITE sip", b"ACK sip", 1).replace(b" INVITE\r\n", b" ACK\r\n")
    return text.replace(
        b"To: <sip:bob@example.com>", b"To: <sip:bob@example.com>;tag=" + tag.encode()
    )


def cancel_of(invite: bytes) -> bytes:
    """The CANCEL of an INVITE."""
    return invite.replace(b"INVITE sip", b"CANCEL sip", 1).replace(b" INVITE\r\n", b" CANCEL\r\n")
