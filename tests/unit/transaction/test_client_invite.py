"""The INVITE client transaction on the wire (RFC 3261 17.1.1, RFC 6026 8.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import UsageError
from offhook.transaction.client_invite import ClientInvite, State
from offhook.transaction.timers import Timing
from offhook.transport import Flow
from tests.unit.transaction.wire import TCP, UDP, Wire

INVITE = b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n"
ACK = b"ACK sip:bob@example.com SIP/2.0\r\n\r\n"
SCHEDULE = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def calling(wire: Wire, flow: Flow = UDP) -> ClientInvite:
    machine = ClientInvite("z9hG4bK1", flow, INVITE, wire.timers, wire, wire.now)
    machine.start(wire.now)
    return machine


@pytest.mark.rfc("3261", "17.1.1.2")
def test_unanswered_it_is_repeated_for_32_seconds() -> None:
    wire = Wire()
    machine = calling(wire)
    wire.run(100)
    assert wire.times(INVITE) == SCHEDULE
    assert wire.timeouts == wire.ends == [32.0]
    assert machine.state is State.TERMINATED
    assert len(wire.timers) == 0


@pytest.mark.rfc("3261", "17.1.1.2")
def test_timer_a_has_no_other_limit_than_b() -> None:
    wire = Wire(Timing(t1=1.0))
    calling(wire)
    wire.run(200)
    assert wire.times(INVITE) == [0, 1, 3, 7, 15, 31, 63]
    assert wire.timeouts == [64.0]


@pytest.mark.rfc("3261", "17.1.1.2")
def test_a_reliable_transport_gets_it_once() -> None:
    wire = Wire()
    calling(wire, TCP)
    wire.run(100)
    assert wire.times(INVITE) == [0]
    assert wire.timeouts == [32.0]


@pytest.mark.rfc("3261", "17.1.1.2")
def test_a_provisional_response_stops_the_repetition_and_timer_b() -> None:
    wire = Wire()
    machine = calling(wire)
    wire.run(0.6)
    assert machine.response(100, wire.now)
    assert machine.response(180, wire.now)
    assert machine.response(180, wire.now)
    wire.run(300)
    assert wire.times(INVITE) == [0, 0.5]
    assert machine.state is State.PROCEEDING
    assert wire.ends == []
    assert machine.data == INVITE, "a CANCEL is built from it"
    assert not machine.answered


@pytest.mark.rfc("3261", "17.1.1.2")
@pytest.mark.parametrize("provisional", [False, True])
def test_a_refusal_is_acknowledged_again_and_again_and_passed_up_once(provisional: bool) -> None:
    wire = Wire()
    machine = calling(wire)
    if provisional:
        machine.response(180, wire.now)
    machine.ack = ACK
    wire.run(0.2)
    assert machine.response(486, wire.now)
    assert machine.answered
    for at in (0.7, 1.7, 31):
        wire.run(at)
        assert not machine.response(486, wire.now)
        assert not machine.response(180, wire.now)
    assert wire.times(ACK) == [0.2, 0.7, 1.7, 31]
    wire.run(100)
    assert wire.times(INVITE) == [0]
    assert wire.ends == [32.2]
    assert wire.timeouts == []


@pytest.mark.rfc("3261", "17.1.1.2")
def test_on_a_reliable_transport_a_refusal_is_acknowledged_and_nothing_waited_for() -> None:
    wire = Wire()
    machine = calling(wire, TCP)
    machine.ack = ACK
    assert machine.response(404, wire.now)
    assert machine.state is State.COMPLETED
    wire.run(0)
    assert wire.sent == [(0, INVITE), (0, ACK)]
    assert wire.ends == [0]


@pytest.mark.rfc("3261", "17.1.1.2")
def test_the_ack_takes_the_way_of_the_invite() -> None:
    wire = Wire()
    machine = calling(wire)
    machine.ack = ACK
    machine.response(600, wire.now)
    assert wire.flows == [UDP, UDP]


def test_a_refusal_without_an_ack_to_send_is_our_fault() -> None:
    wire = Wire()
    machine = calling(wire)
    with pytest.raises(UsageError, match="ack"):
        machine.response(486, wire.now)
    assert machine.state is State.CALLING


@pytest.mark.rfc("6026", "8.4")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_every_2xx_is_passed_up_for_32_seconds(flow: Flow) -> None:
    wire = Wire()
    machine = calling(wire, flow)
    wire.run(1)
    assert machine.response(200, wire.now)
    assert machine.response(200, wire.now)
    assert not machine.response(180, wire.now)
    assert not machine.response(486, wire.now), "no ACK is asked for here"
    wire.run(32.5)
    assert machine.response(200, wire.now)
    wire.run(100)
    assert not machine.response(200, wire.now)
    assert wire.ends == [33.0]
    assert ACK not in [data for _, data in wire.sent]


def test_a_2xx_after_a_refusal_reaches_the_user() -> None:
    """RFC 3261 16.7 step 5 lets a proxy send it; its callee waits for an ACK."""
    wire = Wire()
    machine = calling(wire)
    machine.ack = ACK
    machine.response(486, wire.now)
    assert machine.response(200, wire.now)
    assert machine.state is State.COMPLETED
    assert wire.times(ACK) == [0]


@pytest.mark.rfc("3261", "17.1.4")
def test_a_failed_send_ends_it() -> None:
    wire = Wire()
    machine = calling(wire)
    machine.send_failed(wire.now)
    assert wire.ends == [0]
    assert wire.timeouts == [], "who reports a failure knows it"
    wire.run(100)
    assert wire.times(INVITE) == [0]


def test_a_send_that_fails_at_once_ends_it_within_start() -> None:
    wire = Wire()
    machine = ClientInvite("z9hG4bK1", UDP, INVITE, wire.timers, wire, 0.0)
    wire.fails = machine
    machine.start(0.0)
    assert machine.state is State.TERMINATED
    wire.run(100)
    assert wire.sent == [(0, INVITE)]
    assert wire.ends == [0]


@pytest.mark.rfc("3261", "17.1.4")
def test_an_ack_that_cannot_be_sent_ends_it() -> None:
    wire = Wire()
    machine = calling(wire)
    machine.ack = ACK
    machine.response(486, wire.now)
    machine.send_failed(wire.now)
    assert wire.ends == [0]


@pytest.mark.parametrize("status", [180, 200])
def test_a_failure_reported_late_is_no_news(status: int) -> None:
    wire = Wire()
    machine = calling(wire)
    machine.response(status, wire.now)
    machine.send_failed(wire.now)
    assert wire.ends == []


@pytest.mark.parametrize("status", [None, 180, 200, 486])
def test_it_can_be_given_up_silently(status: int | None) -> None:
    wire = Wire()
    machine = calling(wire)
    machine.ack = ACK
    if status is not None:
        machine.response(status, wire.now)
    sent = list(wire.sent)
    machine.abandon(wire.now)
    machine.abandon(wire.now)
    assert wire.ends == [0]
    assert machine.answered
    wire.run(100)
    assert wire.sent == sent
    assert wire.timeouts == []


def test_a_response_before_the_invite_is_forged() -> None:
    wire = Wire()
    machine = ClientInvite("z9hG4bK1", UDP, INVITE, wire.timers, wire, 0.0)
    assert not any(machine.response(status, 0.0) for status in (100, 200, 486))
    assert machine.state is State.IDLE


def test_it_starts_once() -> None:
    wire = Wire()
    machine = calling(wire)
    with pytest.raises(UsageError):
        machine.start(wire.now)


def test_what_is_big_is_let_go() -> None:
    wire = Wire()
    machine = calling(wire)
    machine.user = object()
    machine.ack = ACK
    machine.response(486, wire.now)
    assert machine.data == b""
    wire.run(100)
    assert (machine.ack, machine.user) == (b"", None)
    assert machine.owner is not wire


STEPS = st.one_of(
    st.sampled_from(["send_failed", "abandon"]),
    st.sampled_from([100, 180, 199, 200, 204, 300, 401, 486, 503, 603, 699]),
    st.floats(0, 20),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from([UDP, TCP]))
def test_it_always_ends(steps: list[str | int | float], flow: Flow) -> None:
    wire = Wire()
    machine = calling(wire, flow)
    machine.ack = ACK
    for step in steps:
        if isinstance(step, float):
            wire.run(wire.now + step)
        elif isinstance(step, int):
            seen = machine.response(step, wire.now)
            assert not (seen and step >= 300 and machine.state is not State.COMPLETED)
        else:
            getattr(machine, step)(wire.now)
    if machine.state is State.PROCEEDING:  # timer C is the user's
        machine.abandon(wire.now)
    wire.run(wire.now + 65)
    assert machine.state is State.TERMINATED
    assert len(wire.ends) == 1
    assert len(wire.timeouts) <= 1
    assert len(wire.timers) == 0
