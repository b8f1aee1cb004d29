"""The INVITE server transaction on the wire (RFC 3261 17.2.1, RFC 6026 8.5 to 8.8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.transaction.server_invite import ServerInvite, State
from offhook.transport import Flow
from tests.unit.transaction.wire import TCP, UDP, Wire, flow

TRYING = b"SIP/2.0 100 Trying"
RINGING = b"SIP/2.0 180 Ringing"
OK = b"SIP/2.0 200 OK"
BUSY = b"SIP/2.0 486 Busy Here"


def proceeding(wire: Wire, flow: Flow = UDP) -> ServerInvite:
    return ServerInvite("key", flow, wire.timers, wire, wire.now)


@pytest.mark.rfc("3261", "17.2.1")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_slow_user_gets_a_100_sent_for_it(flow: Flow) -> None:
    wire = Wire()
    proceeding(wire, flow)
    wire.run(100)
    assert wire.sent == [(0.2, TRYING)]


@pytest.mark.rfc("3261", "17.2.1")
@pytest.mark.parametrize("status", [100, 180, 200, 486])
def test_a_user_that_answers_within_200_ms_gets_none(status: int) -> None:
    wire = Wire()
    machine = proceeding(wire)
    wire.run(0.1)
    machine.respond(status, b"first", wire.now)
    wire.run(0.3)
    assert wire.sent == [(0.1, b"first")]
    assert wire.trying_at == []


def test_the_owner_may_send_no_100_at_all() -> None:
    wire = Wire(answers_100=False)
    machine = proceeding(wire)
    wire.run(1)
    machine.retransmission(wire.now)
    assert wire.trying_at == [0.2]
    assert wire.sent == []


@pytest.mark.rfc("3261", "17.2.1")
def test_provisional_responses_are_sent_once_and_the_latest_repeated() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.retransmission(0.0)
    machine.respond(100, TRYING, 0.0)
    machine.retransmission(0.0)
    machine.respond(180, RINGING, 0.0)
    machine.retransmission(0.0)
    assert [data for _, data in wire.sent] == [TRYING, TRYING, RINGING, RINGING]
    assert machine.state is State.PROCEEDING
    assert not machine.answered


@pytest.mark.rfc("3261", "17.2.1")
def test_a_refusal_is_repeated_until_the_ack() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(180, b"ringing", 0.0)  # the client waits quietly from now on
    machine.respond(486, BUSY, 0.0)
    assert machine.answered
    wire.run(4)
    assert machine.ack(wire.now) is False
    assert machine.state is State.CONFIRMED
    wire.run(100)
    assert wire.times(BUSY) == [0, 0.5, 1.5, 3.5]
    assert wire.ends == [9.0]
    assert wire.timeouts == []


@pytest.mark.rfc("3261", "17.2.1")
def test_without_an_ack_it_is_repeated_each_t2_at_most_for_32_seconds() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(180, b"ringing", 0.0)
    machine.respond(486, BUSY, 0.0)
    wire.run(100)
    assert wire.times(BUSY) == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert wire.timeouts == wire.ends == [32.0]
    assert len(wire.timers) == 0


@pytest.mark.rfc("3261", "8.2.7")
def test_a_client_that_has_heard_nothing_asks_for_the_refusal_itself() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(486, BUSY, 0.0)
    wire.run(20)
    assert wire.times(BUSY) == [0]  # a forged source address earns one answer
    machine.retransmission(wire.now)
    assert len(wire.times(BUSY)) == 2
    wire.run(100)
    assert wire.ends == [32.0]


@pytest.mark.rfc("3261", "17.2.1")
def test_on_a_reliable_transport_a_refusal_is_sent_once_and_the_ack_still_awaited() -> None:
    wire = Wire()
    machine = proceeding(wire, TCP)
    machine.respond(486, BUSY, 0.0)
    wire.run(31)
    assert wire.times(BUSY) == [0]
    machine.ack(wire.now)
    wire.run(wire.now)
    assert wire.ends == [31.0]


@pytest.mark.rfc("3261", "17.2.1")
def test_a_reliable_client_that_never_acknowledges_is_told_of() -> None:
    wire = Wire()
    proceeding(wire, TCP).respond(486, BUSY, 0.0)
    wire.run(100)
    assert wire.timeouts == [32.0]


@pytest.mark.rfc("3261", "17.2.1")
def test_a_retransmission_gets_the_refusal_again_until_the_ack() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(486, BUSY, 0.0)
    wire.run(0.1)
    machine.retransmission(wire.now)
    assert wire.times(BUSY) == [0, 0.1]
    machine.ack(wire.now)
    machine.retransmission(wire.now)
    machine.ack(wire.now)
    assert wire.times(BUSY) == [0, 0.1]


def test_only_a_2xx_follows_a_refusal() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(486, BUSY, 0.0)
    machine.respond(180, RINGING, 0.0)
    machine.respond(603, b"603", 0.0)
    assert machine.last == BUSY
    machine.respond(200, OK, 0.0)
    assert (machine.last, machine.state) == (BUSY, State.COMPLETED)
    machine.ack(0.0)
    machine.respond(200, OK, 0.0)
    assert [data for _, data in wire.sent] == [BUSY, OK, OK]


@pytest.mark.rfc("6026", "8.7")
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_after_a_2xx_it_absorbs_the_invite_and_repeats_nothing_itself(flow: Flow) -> None:
    wire = Wire()
    machine = proceeding(wire, flow)
    machine.respond(200, OK, 0.0)
    assert machine.answered
    for at in (0.5, 1.5, 3.5, 31.9):
        wire.run(at)
        machine.retransmission(wire.now)
    assert wire.times(OK) == [0]
    wire.run(100)
    assert wire.ends == [32.0]
    assert wire.timeouts == []


@pytest.mark.rfc("6026", "8.7")
def test_after_a_2xx_every_further_2xx_is_sent_and_nothing_else() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(200, OK, 0.0)
    wire.run(0.5)
    machine.respond(200, OK, wire.now)
    machine.respond(200, b"of another branch", wire.now)
    machine.respond(180, RINGING, wire.now)
    machine.respond(486, BUSY, wire.now)
    assert [data for _, data in wire.sent] == [OK, OK, b"of another branch"]


@pytest.mark.rfc("6026", "8.7")
def test_the_ack_of_a_2xx_goes_to_the_user() -> None:
    wire = Wire()
    machine = proceeding(wire)
    assert machine.ack(0.0) is False
    machine.respond(200, OK, 0.0)
    assert machine.ack(0.0) is True
    assert machine.ack(0.0) is True
    assert machine.state is State.ACCEPTED


@pytest.mark.rfc("6026", "8.8")
@pytest.mark.parametrize("status", [180, 200, 486])
def test_a_failed_send_changes_nothing(status: int) -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(status, b"first", 0.0)
    state = machine.state
    machine.send_failed(0.0)
    assert machine.state is state
    assert wire.ends == []


def test_responses_follow_the_flow_that_the_owner_sets() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.respond(180, RINGING, 0.0)
    other = flow("UDP")
    machine.flow = other
    machine.retransmission(0.0)
    assert wire.flows == [UDP, other]


def test_after_the_end_nothing_is_sent() -> None:
    wire = Wire()
    machine = proceeding(wire)
    machine.user = object()
    machine.respond(486, BUSY, 0.0)
    wire.run(100)
    sent = list(wire.sent)
    machine.respond(200, OK, wire.now)
    machine.retransmission(wire.now)
    assert machine.ack(wire.now) is False
    assert wire.sent == sent
    assert (machine.last, machine.user) == (b"", None)
    assert machine.owner is not wire


STEPS = st.one_of(
    st.sampled_from(["retransmission", "ack", "send_failed"]),
    st.sampled_from([100, 180, 199, 200, 299, 300, 486, 699]),
    st.floats(0, 20),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from([UDP, TCP]))
def test_it_always_ends(steps: list[str | int | float], flow: Flow) -> None:
    wire = Wire()
    machine = proceeding(wire, flow)
    for step in steps:
        if isinstance(step, float):
            wire.run(wire.now + step)
        elif isinstance(step, int):
            machine.respond(step, b"%d" % step, wire.now)
        else:
            getattr(machine, step)(wire.now)
    if not machine.answered:  # the user answers in the end
        machine.respond(500, b"500", wire.now)
    wire.run(wire.now + 38)
    assert machine.state is State.TERMINATED
    assert len(wire.ends) == 1
    assert len(wire.timers) == 0
