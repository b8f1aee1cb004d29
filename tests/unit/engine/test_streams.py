"""Messages on connections: pieces, pings, patience, what cannot be followed."""

from __future__ import annotations

import pytest

from offhook.engine.streams import PATIENCE
from offhook.testing.builders import build_request
from tests.unit.engine.rig import CALLER, TCP, Rig

REQUEST = build_request("OPTIONS", "sip:example.com", source=CALLER, transport="TCP")
OTHER = build_request(
    "OPTIONS", "sip:example.com", source=CALLER, transport="TCP", branch="z9hG4bKo", call_id="o"
)


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_messages_come_out_whole_whatever_the_pieces(size: int) -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    data = REQUEST + OTHER
    for start in range(0, len(data), size):
        rig.receive(data[start : start + size], flow)
    assert len(rig.events) == 2


@pytest.mark.rfc("5626", "3.5.1")
def test_a_ping_gets_a_pong() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    rig.receive(b"\r\n\r\n", flow)
    assert rig.raw == [(flow, b"\r\n")]
    rig.receive(b"\r\n" + REQUEST, flow)
    assert len(rig.events) == 1


@pytest.mark.rfc("3261", "18.3")
def test_half_a_message_has_64_t1() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    rig.receive(REQUEST[:50], flow)
    rig.advance(PATIENCE - 1)
    assert rig.closed == []
    rig.advance(2)
    assert rig.closed == [flow]


def test_a_message_that_ends_in_time_keeps_the_connection() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    rig.receive(REQUEST[:50], flow)
    rig.advance(20)
    rig.receive(REQUEST[50:], flow)
    rig.advance(100)
    assert rig.closed == []


def test_patience_with_a_connection_that_is_gone_ends_quietly() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    rig.receive(REQUEST[:50], flow)
    rig.lose(flow)
    rig.advance(PATIENCE + 1)
    assert rig.closed == []
    assert rig.engine.pending == 0


def test_a_stream_that_cannot_be_followed_is_answered_and_closed() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    broken = OTHER.replace(b"Content-Length: 0", b"Content-Length: many")
    rig.receive(REQUEST + broken, flow)
    assert len(rig.events) >= 1  # what came before it counts
    assert rig.statuses() == [400]
    assert rig.closed == [flow]
    rig.receive(REQUEST, flow)
    assert rig.statuses() == [400]


@pytest.mark.parametrize("method", ["ACK", "SIP/2.0 200 OK"])
def test_what_may_not_be_answered_is_not(method: str) -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    data = REQUEST.replace(b"Content-Length: 0", b"Content-Length: many")
    start = b"ACK sip:example.com SIP/2.0" if method == "ACK" else method.encode()
    rig.receive(start + data[data.index(b"\r\n") :], flow)
    assert rig.statuses() == []
    assert rig.closed == [flow]


def test_counted_as_malformed() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    rig.receive(REQUEST.replace(b"Content-Length: 0", b"Content-Length: -1"), flow)
    assert rig.engine.counters.malformed == 1
