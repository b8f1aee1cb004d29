"""The owner of transactions: what they send, what becomes of them."""

from __future__ import annotations

import pytest

from offhook.proxy.branch import Branch
from offhook.proxy.target import Target
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Listener
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, TCP, TLS, WSS, Rig, datagram

INVITE = build_request("INVITE", "sip:bob@example.com", source=CALLER)


@pytest.mark.rfc("3261", "17.2.1")
def test_an_invite_that_waits_gets_its_100_after_200_ms() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE))
    rig.advance(0.19)
    assert rig.statuses() == []
    rig.advance(0.02)
    assert rig.statuses() == [100]


def test_what_has_ended_is_cut_loose() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    fork = rig.fork(incoming)
    (machine,) = rig.engine.transactions.clients.values()
    branch = fork.branches[0]
    assert isinstance(branch, Branch)
    assert branch.transaction is machine
    rig.answer(486)
    rig.engine.respond(incoming, 486, rig.now)
    rig.advance(100)
    assert branch.transaction is None
    assert machine.user is None
    assert incoming.server is None


def test_requests_for_a_dead_connection_are_dropped_and_responses_find_another() -> None:
    rig = Rig()
    flow = rig.accept(TCP, (CALLER[0], 40_000))
    data = build_request("INVITE", "sip:bob@example.com", source=CALLER, transport="TCP")
    incoming = rig.request(data, flow)
    rig.fork(incoming)
    rig.lose(flow)
    rig.answer(180)
    assert rig.opened[-1].destination == CALLER
    assert rig.sent[-1][1].status == 180


def test_a_failure_is_told_once() -> None:
    rig = Rig()
    fork = rig.fork(rig.request(INVITE))
    rig.engine.send_failed(datagram(CALLEE), rig.now)
    rig.engine.send_failed(datagram(CALLEE), rig.now)
    rig.run()
    assert fork.outcome is not None
    assert len([event for event in rig.events if type(event).__name__ == "Resolved"]) == 1


def test_a_port_error_after_the_answer_changes_nothing() -> None:
    rig = Rig()
    fork = rig.fork(rig.request(INVITE))
    invite = rig.to(CALLEE)[-1].to_bytes()
    rig.receive(build_response(invite, 200), datagram(CALLEE))
    rig.engine.send_failed(datagram(CALLEE), rig.now)
    assert fork.outcome is not None
    assert fork.outcome.ok


def test_timer_f_of_a_relayed_request() -> None:
    rig = Rig()
    incoming = rig.request(build_request("MESSAGE", "sip:bob@example.com", source=CALLER))
    fork = rig.fork(incoming)
    rig.advance(33)
    assert fork.outcome is not None
    assert fork.outcome.status == 408
    assert rig.to(CALLEE)[0].uri == TARGET


@pytest.mark.parametrize(("listener", "status"), [(WSS, 480), (TLS, 0)])
def test_a_page_that_leaves_while_it_rings_answers_nowhere_else(
    listener: Listener, status: int
) -> None:
    """A phone over TLS may come back with its answer."""
    rig = Rig()
    flow = rig.accept(listener, CALLEE)
    fork = rig.fork(rig.request(INVITE), Target(TARGET, flow=flow.name, by_flow=True))
    (request,) = [message for _, message in rig.sent if message.method == "INVITE"]
    rig.receive(build_response(request.to_bytes(), 180), flow)
    rig.lose(flow)
    assert (fork.outcome.status if fork.outcome else 0) == status
