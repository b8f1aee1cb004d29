"""What the engine tells the application. Not frozen: several are made for every call."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.engine.incoming import Incoming
from offhook.engine.outgoing import Outgoing
from offhook.message.message import Message
from offhook.proxy.response_context import Fork
from offhook.proxy.target import Target
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop

__all__ = [
    "AckReceived",
    "Answered",
    "Cancelled",
    "DestinationChanged",
    "Event",
    "FlowFailed",
    "FlowLost",
    "Progress",
    "RequestReceived",
    "Resolved",
]


@dataclass(slots=True)
class RequestReceived:
    """A new request to decide: `respond`, `accept` or `fork` it. ACK, CANCEL, retransmissions and
    valid in-dialog requests never come."""

    incoming: Incoming


@dataclass(slots=True)
class AckReceived:
    """An ACK for a 2xx whose Request-URI is a name of ours: to be sent on by `forward_stateless`,
    or forgotten. Other ACKs never come."""

    incoming: Incoming


@dataclass(slots=True)
class Cancelled:
    """The caller cancelled a request; its 200 and 487 are sent by the engine."""

    incoming: Incoming


@dataclass(slots=True)
class Progress:
    """A fork has a provisional response (101-199), already sent upstream."""

    fork: Fork
    response: Message


@dataclass(slots=True)
class Resolved:
    """A fork has its outcome (`fork.outcome`)."""

    fork: Fork


@dataclass(slots=True)
class Answered:
    """A request of our own has a response; None if nothing came, with the status that amounts to in
    `outgoing.status`."""

    outgoing: Outgoing
    response: Message | None


@dataclass(slots=True)
class FlowLost:
    """A connection is gone: bindings that live on it have no way any more."""

    flow: Flow
    reason: str


@dataclass(slots=True)
class DestinationChanged:
    """A server that was found by name is "silent", "refused" or "overloaded", and is tried after
    all others for some seconds; or it has "recovered"."""

    hop: NextHop
    what: str
    seconds: float


@dataclass(slots=True)
class FlowFailed:
    """The edge proxy of a registered phone has answered 430: its flow to the phone is gone, and the
    target with it (RFC 5626 5.3.1)."""

    target: Target


Event = (
    RequestReceived
    | AckReceived
    | Cancelled
    | Progress
    | Resolved
    | Answered
    | FlowLost
    | DestinationChanged
    | FlowFailed
)
