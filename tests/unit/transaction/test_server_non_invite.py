"""The non-INVITE server transaction on the wire (RFC 3261 17.2.2, RFC 4320)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.transaction.server_non_invite import ServerNonInvite, State
from offhook.transport import Flow
from tests.unit.transaction.wire import TCP, UDP, Wire

TRYING = b"SIP/2.0 100 Trying"
OK = b"SIP/2.0 200 OK"


def trying(wire: Wire, flow: Flow = UDP) -> ServerNonInvite:
    return ServerNonInvite("key", flow, wire.timers, wire, wire.now)


@pytest.mark.rfc("3261", "17.2.2")
def test_before_an_answer_retransmissions_are_dropped_and_after_it_answered() -> None:
    wire = Wire()
    machine = trying(wire)
    machine.retransmission(0.0)
    assert wire.sent == []
    machine.respond(200, OK, 0.0)
    assert machine.answered
    for at in (0.5, 1.5, 31.9):
        wire.run(at)
        machine.retransmission(wire.now)
    assert wire.times(OK) == [0, 0.5, 1.5, 31.9]
    wire.run(100)
    assert wire.ends == [32.0]
    assert wire.timeouts == []
    assert len(wire.timers) == 0


@pytest.mark.rfc("3261", "17.2.2")
def test_on_a_reliable_transport_nothing_is_waited_for() -> None:
    wire = Wire()
    machine = trying(wire, TCP)
    machine.respond(200, OK, 0.0)
    wire.run(0)
    assert wire.ends == [0]
    assert wire.sent == [(0, OK)]


@pytest.mark.rfc("3261", "17.2.2")
def test_the_first_final_response_counts() -> None:
    wire = Wire()
    machine = trying(wire)
    machine.respond(200, OK, 0.0)
    machine.respond(500, b"500", 0.0)
    machine.respond(100, TRYING, 10.0)
    machine.retransmission(0.0)
    assert [data for _, data in wire.sent] == [OK, OK]


@pytest.mark.rfc("4320", "4.1")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_slow_user_gets_a_100_sent_for_it_when_timer_e_has_reached_t2(flow: Flow) -> None:
    wire = Wire()
    machine = trying(wire, flow)
    wire.run(20)
    assert wire.sent == [(3.5, TRYING)]
    assert machine.state is State.PROCEEDING
    machine.retransmission(wire.now)
    machine.respond(200, OK, wire.now)
    assert [data for _, data in wire.sent] == [TRYING, TRYING, OK]


@pytest.mark.rfc("4320", "4.1")
def test_no_100_goes_over_udp_before_that() -> None:
    wire = Wire()
    machine = trying(wire)
    wire.run(3.4)
    machine.respond(100, TRYING, wire.now)
    assert wire.sent == []
    assert machine.state is State.TRYING


@pytest.mark.rfc("4320", "4.1")
def test_over_a_reliable_transport_a_100_may_go_at_once_and_is_not_owed_again() -> None:
    wire = Wire()
    machine = trying(wire, TCP)
    machine.respond(100, TRYING, 0.0)
    wire.run(100)
    assert wire.sent == [(0, TRYING)]
    assert wire.trying_at == []
    assert wire.timeouts == wire.ends == [32.0]


@pytest.mark.rfc("4320", "4.1")
@pytest.mark.parametrize("flow", [UDP, TCP])
@pytest.mark.parametrize("status", [101, 180, 183, 199])
def test_no_other_provisional_response_is_ever_sent(flow: Flow, status: int) -> None:
    wire = Wire(answers_100=False)
    machine = trying(wire, flow)
    for at in (0.0, 10.0):
        wire.run(at)
        machine.respond(status, b"1xx", wire.now)
    assert wire.sent == []


@pytest.mark.rfc("4320", "4.2")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_408_is_never_sent(flow: Flow) -> None:
    wire = Wire(answers_100=False)
    machine = trying(wire, flow)
    wire.run(31)
    machine.respond(408, b"408", wire.now)
    machine.retransmission(wire.now)
    wire.run(100)
    assert wire.sent == []
    assert wire.ends == [32.0]


@pytest.mark.rfc("4320", "4.2")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_final_response_after_the_client_gave_up_is_dropped(flow: Flow) -> None:
    wire = Wire()
    machine = trying(wire, flow)
    wire.run(32)
    assert wire.timeouts == wire.ends == [32.0]
    assert machine.answered
    machine.respond(200, OK, wire.now)
    assert wire.sent == [(3.5, TRYING)]


@pytest.mark.rfc("6026", "8.8")
def test_a_failed_send_changes_nothing() -> None:
    wire = Wire()
    machine = trying(wire)
    machine.send_failed(0.0)
    machine.respond(200, OK, 0.0)
    machine.send_failed(0.0)
    assert machine.state is State.COMPLETED
    machine.retransmission(0.0)
    assert wire.times(OK) == [0, 0]


def test_what_is_big_is_let_go() -> None:
    wire = Wire()
    machine = trying(wire)
    machine.user = object()
    machine.respond(200, OK, 0.0)
    wire.run(100)
    assert (machine.last, machine.user) == (b"", None)
    assert machine.owner is not wire


STEPS = st.one_of(
    st.sampled_from(["retransmission", "send_failed"]),
    st.sampled_from([100, 180, 200, 299, 300, 408, 486, 699]),
    st.floats(0, 20),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from([UDP, TCP]), st.booleans())
def test_it_always_ends_even_without_an_answer(
    steps: list[str | int | float], flow: Flow, answers_100: bool
) -> None:
    wire = Wire(answers_100=answers_100)
    machine = trying(wire, flow)
    for step in steps:
        if isinstance(step, float):
            wire.run(wire.now + step)
        elif isinstance(step, int):
            machine.respond(step, b"%d" % step, wire.now)
        else:
            getattr(machine, step)(wire.now)
    wire.run(wire.now + 33)
    assert machine.state is State.TERMINATED
    assert len(wire.ends) == 1
    assert len(wire.timers) == 0
    assert not {b"180", b"408"} & {data for _, data in wire.sent}
    assert len({data for _, data in wire.sent if data[:1] in b"23456"}) <= 1
