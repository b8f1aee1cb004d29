"""Flows that are kept alive by their phones: given up when they fall silent (RFC 5626 4.4)."""

from __future__ import annotations

import pytest

from offhook.engine.events import FlowLost
from offhook.engine.flow_watch import CHECK
from offhook.proxy.target import Target
from offhook.testing.builders import build_request
from tests.unit.engine.rig import CALLEE, CALLER, TCP, Rig, datagram

STUN = bytes.fromhex("000100002112a442000102030405060708090a0b")
PATIENCE = 40.0


def lost(rig: Rig) -> list[str]:
    """The flows that were reported as lost."""
    return [event.flow.name for event in rig.events if isinstance(event, FlowLost)]


@pytest.mark.parametrize(
    "sign", [STUN, b"\r\n\r\n", build_request("OPTIONS", "sip:example.com", source=CALLER)]
)
def test_a_datagram_flow_lives_while_something_is_heard(sign: bytes) -> None:
    rig = Rig()
    flow = datagram(CALLER)
    rig.engine.keep_flow(flow, PATIENCE, rig.now)
    for _ in range(10):
        rig.advance(PATIENCE - 1)
        rig.receive(sign)
    rig.events.clear()
    rig.receive(STUN, datagram(CALLEE))  # somebody else's
    rig.advance(PATIENCE - 1)
    assert lost(rig) == []
    rig.advance(CHECK + 1)
    assert lost(rig) == [flow.name]
    assert rig.engine.next_deadline() is None


def test_a_connection_is_closed_and_then_lost() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    rig.engine.keep_flow(flow, PATIENCE, rig.now)
    rig.advance(PATIENCE - 1)
    rig.receive(b"\r\n\r\n", flow)
    assert rig.raw[-1] == (flow, b"\r\n")
    rig.advance(PATIENCE - 1)
    assert rig.closed == []
    rig.advance(CHECK + 1)
    assert rig.closed == [flow]
    assert lost(rig) == [flow.name]


def test_nothing_happens_to_flows_that_were_released_or_lost() -> None:
    rig = Rig()
    one, other = rig.accept(TCP, CALLER), rig.accept(TCP, CALLEE)
    for flow in (one, other):
        rig.engine.keep_flow(flow, PATIENCE, rig.now)
    rig.engine.release_flow(one)
    rig.lose(other)
    assert rig.engine.pending == 0
    rig.advance(10 * PATIENCE)
    assert rig.closed == []
    assert lost(rig) == [other.name]


def test_a_refresh_asks_for_another_time_and_starts_no_second_timer() -> None:
    rig = Rig()
    flow = datagram(CALLER)
    rig.engine.keep_flow(flow, PATIENCE, rig.now)
    rig.advance(30)
    rig.engine.keep_flow(flow, 2 * PATIENCE, rig.now)
    rig.advance(2 * PATIENCE - 1)
    assert lost(rig) == []
    rig.advance(CHECK + 1)
    assert lost(rig) == [flow.name]


@pytest.mark.rfc("5626", "4.4")
def test_an_icmp_error_ends_no_flow_and_saves_none() -> None:
    """Anybody can forge one: silence decides."""
    rig = Rig()
    flow = datagram(CALLER)
    rig.engine.keep_flow(flow, PATIENCE, rig.now)
    rig.advance(PATIENCE / 2)
    rig.engine.send_failed(flow, rig.now)
    rig.run()
    assert lost(rig) == []
    rig.advance(PATIENCE / 2 + CHECK + 1)
    assert lost(rig) == [flow.name]


def test_only_an_idle_connection_is_closed() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLEE)
    incoming = rig.invite()
    rig.fork(incoming, Target("sip:bob@198.51.100.2:5060", flow=flow.name, by_flow=True))
    assert not rig.engine.close_idle(flow.name)
    assert not rig.engine.close_idle("tcp/nobody")
    idle = rig.accept(TCP, CALLER)
    assert rig.engine.close_idle(idle.name)
    rig.run()
    assert rig.closed == [idle]
