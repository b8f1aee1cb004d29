"""The engine as its driver and application see it."""

from __future__ import annotations

import pytest

from offhook.engine.events import Cancelled, FlowLost, Resolved
from offhook.message import make_request
from offhook.proxy.target import ForkRequest, Outcome, Target
from offhook.testing.builders import build_request, build_response
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, TCP, Rig, cancel_of, datagram


def test_a_new_engine_has_nothing_to_do() -> None:
    engine = Rig().engine
    assert engine.next_deadline() is None
    assert not engine.has_actions
    assert not engine.has_events
    assert (engine.pending, engine.unanswered) == (0, 0)


def test_a_call_from_invite_to_nothing_left() -> None:
    rig = Rig()
    incoming = rig.invite()
    fork = rig.fork(incoming)
    for status in (100, 180, 200):
        rig.answer(status)
    assert rig.statuses() == [180, 200]
    assert isinstance(rig.events[-1], Resolved)
    assert fork.outcome is not None
    assert fork.outcome.ok
    rig.advance(200)
    assert rig.engine.transactions.counts().servers == 0
    assert rig.engine.transactions.counts().clients == 0
    assert rig.engine.pending == 0


def test_a_failure_waits_for_the_application() -> None:
    rig = Rig()
    incoming = rig.invite()
    fork = rig.fork(incoming)
    rig.answer(486)
    assert rig.statuses() == []
    assert fork.outcome is not None
    assert rig.engine.answer(incoming, fork.outcome, rig.now)
    rig.run()
    assert rig.statuses() == [486]
    assert not rig.engine.answer(incoming, Outcome(500), rig.now)


@pytest.mark.rfc("3261", "8.2.7")
def test_a_refusal_without_a_wait_has_no_transaction() -> None:
    rig = Rig()
    incoming = rig.invite()
    assert rig.engine.respond(incoming, 407, rig.now, headers=[("Proxy-Authenticate", "x")])
    rig.run()
    assert rig.statuses() == [407]
    assert rig.engine.transactions.counts().servers == 0
    assert rig.engine.pending == 0


def test_a_refusal_after_accept_is_repeated_until_its_ack() -> None:
    rig = Rig()
    incoming = rig.invite()
    rig.engine.accept(incoming, rig.now)
    rig.engine.trying(incoming, rig.now)
    assert rig.engine.unanswered == 1
    rig.engine.respond(incoming, 480, rig.now, reason="Gone")
    rig.advance(3)
    assert rig.statuses() == [100, 480, 480, 480]
    assert rig.sent[1][1].reason == "Gone"
    assert rig.engine.unanswered == 0


def test_trying_is_sent_once_and_only_while_nothing_was() -> None:
    rig = Rig()
    incoming = rig.invite()
    rig.engine.trying(incoming, rig.now)
    assert not rig.engine.has_actions  # no transaction yet
    rig.engine.accept(incoming, rig.now)
    rig.engine.trying(incoming, rig.now)
    rig.engine.trying(incoming, rig.now)
    rig.advance(1)
    assert rig.statuses() == [100]


@pytest.mark.rfc("3261", "8.2.2.2")
def test_a_merged_request_gets_482() -> None:
    rig = Rig()
    for branch, status in (("z9hG4bKa", 200), ("z9hG4bKb", 482)):
        data = build_request("OPTIONS", "sip:example.com", source=CALLER, branch=branch)
        rig.engine.respond(rig.request(data), 200, rig.now)
        rig.run()
        assert rig.statuses()[-1] == status


@pytest.mark.rfc("3261", "8.2.2.2")
def test_a_merged_register_gets_482_whatever_the_registrar_says() -> None:
    rig = Rig()
    for branch, status in (("z9hG4bKa", 200), ("z9hG4bKb", 500)):
        data = build_request("REGISTER", "sip:example.com", source=CALLER, branch=branch)
        rig.engine.respond(rig.request(data), status, rig.now)
        rig.run()
    assert rig.statuses() == [200, 482]


def test_a_second_answer_is_refused() -> None:
    rig = Rig()
    incoming = rig.request(build_request("OPTIONS", "sip:example.com", source=CALLER))
    assert rig.engine.respond(incoming, 200, rig.now)
    assert not rig.engine.respond(incoming, 200, rig.now)


def test_abandoning_and_adding() -> None:
    rig = Rig()
    incoming = rig.invite()
    fork = rig.fork(incoming)
    rig.engine.add_target(fork, Target("sip:late@198.51.100.3"), rig.now)
    rig.run()
    assert rig.to(("198.51.100.3", 5060))
    rig.answer(180)
    rig.engine.abandon(fork, rig.now)
    rig.engine.abandon(fork, rig.now)
    rig.run()
    assert rig.to(CALLEE)[-1].method == "CANCEL"


def test_cancel_is_told_and_ends_the_call() -> None:
    rig = Rig()
    data = build_request("INVITE", "sip:bob@example.com", source=CALLER)
    incoming = rig.request(data)
    rig.fork(incoming)
    rig.answer(180)
    rig.receive(cancel_of(data))
    assert isinstance(rig.events[-1], Cancelled)
    assert incoming.cancelled
    rig.answer(200)  # of the CANCEL
    invite = next(each for each in rig.to(CALLEE) if each.method == "INVITE")
    rig.receive(build_response(invite.to_bytes(), 487), datagram(CALLEE))
    assert rig.statuses() == [180, 200, 487]


def test_a_request_of_our_own() -> None:
    rig = Rig()
    message = make_request(
        "OPTIONS",
        TARGET,
        via=(),
        from_="<sip:us@example.com>;tag=u",
        to=f"<{TARGET}>",
        call_id="own",
        cseq=1,
    )
    outgoing = rig.engine.request(message, "p", rig.now, handle="mine")
    rig.run()
    rig.answer(200)
    assert (outgoing.status, outgoing.handle) == (200, "mine")
    assert type(rig.events[-1]).__name__ == "Answered"


def test_draining_refuses_new_requests_and_finishes_old_ones() -> None:
    rig = Rig()
    rig.fork(rig.invite())
    rig.engine.drain()
    data = build_request(
        "OPTIONS", "sip:example.com", source=CALLER, call_id="new", branch="z9hG4bKn"
    )
    rig.receive(data)
    assert rig.statuses() == [503]
    rig.answer(200)
    assert rig.statuses() == [503, 200]


def test_lost_connections_are_told() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLER)
    assert rig.engine.connections() == [flow]
    assert rig.engine.flow_alive(flow.name)
    rig.lose(flow)
    assert rig.events == [FlowLost(flow, "test")]
    assert rig.engine.connections() == []
    assert not rig.engine.flow_alive(flow.name)
    assert rig.engine.flow_alive("udp/192.0.2.1:5060/198.51.100.1:5060")


@pytest.mark.rfc("3261", "18.4")
def test_an_icmp_error_fails_what_was_just_sent_there() -> None:
    rig = Rig()
    fork = rig.fork(rig.invite())
    rig.engine.send_failed(datagram(CALLEE), rig.now)
    rig.run()
    assert fork.outcome is not None
    assert fork.outcome.status == 503


def test_an_icmp_error_does_not_touch_what_is_older() -> None:
    rig = Rig()
    fork = rig.fork(rig.invite())
    rig.advance(3)
    rig.engine.send_failed(datagram(CALLEE), rig.now)
    assert fork.outcome is None


def test_own_addresses() -> None:
    engine = Rig().engine
    assert engine.own_address("192.0.2.1", 5060)
    assert not engine.own_address("192.0.2.1", 5070)


def test_a_fork_that_decides_needs_no_event() -> None:
    rig = Rig()
    request = ForkRequest([[Target(TARGET)]], decides=True)
    rig.engine.fork(rig.invite(), request, rig.now)
    rig.run()
    rig.answer(486)
    assert rig.statuses() == [486]
    assert rig.events == []
