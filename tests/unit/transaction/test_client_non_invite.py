"""The non-INVITE client transaction on the wire (RFC 3261 17.1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import UsageError
from offhook.transaction.client_non_invite import ClientNonInvite, State
from offhook.transport import Flow
from tests.unit.transaction.wire import TCP, UDP, Wire

REQUEST = b"REGISTER sip:example.com SIP/2.0\r\n\r\n"
SCHEDULE = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def trying(wire: Wire, flow: Flow = UDP) -> ClientNonInvite:
    machine = ClientNonInvite("z9hG4bK1", flow, REQUEST, wire.timers, wire, wire.now)
    machine.start(wire.now)
    return machine


def test_its_method_is_the_first_word() -> None:
    wire = Wire()
    assert trying(wire).method == "REGISTER"


@pytest.mark.rfc("3261", "17.1.2.2")
def test_unanswered_it_is_repeated_each_t2_at_most_for_32_seconds() -> None:
    wire = Wire()
    trying(wire)
    wire.run(100)
    assert wire.times(REQUEST) == SCHEDULE
    assert wire.timeouts == wire.ends == [32.0]
    assert len(wire.timers) == 0


@pytest.mark.rfc("3261", "17.1.2.2")
def test_a_reliable_transport_gets_it_once() -> None:
    wire = Wire()
    trying(wire, TCP)
    wire.run(100)
    assert wire.times(REQUEST) == [0]
    assert wire.timeouts == [32.0]


@pytest.mark.rfc("3261", "17.1.2.2")
def test_a_provisional_response_slows_the_repetition_and_does_not_stop_it() -> None:
    wire = Wire()
    machine = trying(wire)
    wire.run(0.6)
    assert machine.response(100, wire.now)
    assert machine.response(100, wire.now)
    wire.run(100)
    assert wire.times(REQUEST) == [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert wire.timeouts == [32.0]


@pytest.mark.rfc("3261", "17.1.2.2")
@pytest.mark.parametrize("status", [200, 302, 401, 699])
@pytest.mark.parametrize("provisional", [False, True])
def test_the_first_final_response_counts_and_the_rest_is_absorbed(
    status: int, provisional: bool
) -> None:
    wire = Wire()
    machine = trying(wire)
    wire.run(0.1)
    if provisional:
        machine.response(100, wire.now)
    assert machine.response(status, wire.now)
    assert machine.answered
    assert not machine.response(status, wire.now)
    assert not machine.response(100, wire.now)
    wire.run(100)
    assert wire.times(REQUEST) == [0]
    assert wire.ends == [5.1]
    assert wire.timeouts == []


@pytest.mark.rfc("3261", "17.1.2.2")
def test_on_a_reliable_transport_nothing_is_waited_for() -> None:
    wire = Wire()
    machine = trying(wire, TCP)
    assert machine.response(200, wire.now)
    assert machine.state is State.COMPLETED
    wire.run(0)
    assert wire.ends == [0]


@pytest.mark.rfc("3261", "17.1.4")
@pytest.mark.parametrize("provisional", [False, True])
def test_a_failed_send_ends_it(provisional: bool) -> None:
    wire = Wire()
    machine = trying(wire)
    if provisional:
        machine.response(100, wire.now)
    machine.send_failed(wire.now)
    assert wire.ends == [0]
    assert wire.timeouts == []


def test_a_repetition_that_fails_at_once_ends_it() -> None:
    wire = Wire()
    machine = trying(wire)
    wire.fails = machine
    wire.run(100)
    assert wire.times(REQUEST) == [0, 0.5]
    assert wire.ends == [0.5]
    assert len(wire.timers) == 0


@pytest.mark.parametrize("status", [None, 100, 200])
def test_it_can_be_given_up_silently(status: int | None) -> None:
    wire = Wire()
    machine = trying(wire)
    if status is not None:
        machine.response(status, wire.now)
    machine.abandon(wire.now)
    assert wire.ends == [0]
    wire.run(100)
    assert wire.times(REQUEST) == [0]
    assert wire.timeouts == []


def test_a_response_before_the_request_is_forged() -> None:
    wire = Wire()
    machine = ClientNonInvite("z9hG4bK1", UDP, REQUEST, wire.timers, wire, 0.0)
    assert not machine.response(100, 0.0)
    assert not machine.response(200, 0.0)
    assert machine.state is State.IDLE


def test_it_starts_once() -> None:
    wire = Wire()
    machine = trying(wire)
    with pytest.raises(UsageError):
        machine.start(wire.now)


def test_what_is_big_is_let_go() -> None:
    wire = Wire()
    machine = trying(wire)
    machine.user = object()
    machine.response(200, wire.now)
    assert machine.data == b""
    wire.run(100)
    assert machine.user is None
    assert machine.owner is not wire


STEPS = st.one_of(
    st.sampled_from(["send_failed", "abandon"]),
    st.sampled_from([100, 199, 200, 299, 401, 408, 503, 699]),
    st.floats(0, 20),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from([UDP, TCP]))
def test_it_always_ends(steps: list[str | int | float], flow: Flow) -> None:
    wire = Wire()
    machine = trying(wire, flow)
    finals = 0
    for step in steps:
        if isinstance(step, float):
            wire.run(wire.now + step)
        elif isinstance(step, int):
            finals += machine.response(step, wire.now) and step >= 200
        else:
            getattr(machine, step)(wire.now)
    wire.run(wire.now + 38)
    assert machine.state is State.TERMINATED
    assert len(wire.ends) == 1
    assert finals + len(wire.timeouts) <= 1
    assert len(wire.timers) == 0
