"""Messages on connections: pieces, pings, patience, what cannot be followed."""

from __future__ import annotations

import pytest

from offhook.engine.events import RequestReceived
from offhook.engine.streams import PATIENCE
from offhook.message.limits import STREAM_HEAD
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow
from tests.unit.engine.rig import CALLER, TCP, WSS, Rig

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


def on_websocket(*messages: bytes) -> tuple[Rig, Flow]:
    rig = Rig()
    flow = rig.accept(WSS, CALLER)
    for message in messages:
        rig.receive(message, flow)
    return rig, flow


@pytest.mark.rfc("7118", "5")
def test_a_websocket_message_needs_no_content_length() -> None:
    request = build_request(
        "MESSAGE", "sip:example.com", source=CALLER, transport="WSS", without=["Content-Length"]
    )
    rig, _ = on_websocket(request + b"Hi\r\n\r\n")
    (event,) = rig.events
    assert isinstance(event, RequestReceived)
    assert event.incoming.message.body == b"Hi\r\n\r\n"


@pytest.mark.rfc("7118", "5")
def test_a_websocket_message_is_one_message_of_sip() -> None:
    rig, _ = on_websocket(REQUEST + OTHER)
    assert len(rig.events) == 1
    rig, _ = on_websocket(REQUEST[:50], REQUEST[50:])
    assert rig.events == []
    assert rig.engine.pending == 0


@pytest.mark.rfc("7118", "6")
@pytest.mark.parametrize(
    ("data", "answered"),
    [(b"\r\n\r\n", True), (b"\r\n", False), (b"", False), (b"\r\n\r\n\r\n", False)],
)
def test_keep_alives_on_a_websocket(data: bytes, answered: bool) -> None:
    rig, flow = on_websocket(data)
    assert rig.raw == ([(flow, b"\r\n")] if answered else [])
    assert (rig.events, rig.closed) == ([], [])


def test_line_ends_before_a_websocket_message_are_skipped() -> None:
    rig, _ = on_websocket(b"\r\n\r\n" + REQUEST)
    assert len(rig.events) == 1


def test_what_is_no_message_costs_itself() -> None:
    rig, flow = on_websocket(b"x" * 100, b"\xff" * 100, b"{}", REQUEST)
    assert len(rig.events) == 1
    assert rig.engine.counters.malformed == 3
    assert rig.engine.flow_alive(flow.name)


def test_a_head_beyond_the_limit_is_513_on_a_websocket_too() -> None:
    lines = b"X: y\r\n" * (STREAM_HEAD // 6)
    rig, flow = on_websocket(REQUEST.replace(b"CSeq", lines + b"CSeq"))
    assert rig.statuses() == [513]
    assert rig.closed == [flow]


def test_a_large_body_is_no_large_head() -> None:
    body = b"x" * (2 * STREAM_HEAD)
    request = build_request("MESSAGE", "sip:example.com", source=CALLER, body=body)
    rig, _ = on_websocket(request)
    assert len(rig.events) == 1


def test_a_websocket_that_is_gone_receives_nothing() -> None:
    rig, flow = on_websocket()
    rig.lose(flow)
    rig.events.clear()
    rig.receive(REQUEST, flow)
    assert rig.events == []
