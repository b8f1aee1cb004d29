"""Response contexts joined to the server side and the application."""

from __future__ import annotations

from offhook.engine.events import Progress, Resolved
from offhook.proxy.target import ForkRequest, Target
from offhook.testing.builders import build_request
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, Rig, cancel_of

INVITE = build_request("INVITE", "sip:bob@example.com", source=CALLER)


def test_one_context_for_all_forks_of_a_request() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    first = rig.fork(incoming)
    second = rig.fork(incoming, Target("sip:b@198.51.100.3:5060"))
    assert first.context is second.context is incoming.context
    assert rig.engine.transactions.counts().servers == 1


def test_the_application_hears_of_progress_and_outcome() -> None:
    rig = Rig()
    fork = rig.fork(rig.request(INVITE))
    for status in (100, 180, 486):
        rig.answer(status)
    kinds = [type(event) for event in rig.events]
    assert kinds == [Progress, Resolved]
    assert isinstance(rig.events[1], Resolved)
    assert rig.events[1].fork is fork


def test_a_fork_that_decides_tells_nobody() -> None:
    rig = Rig()
    request = ForkRequest([[Target(TARGET)]], decides=True)
    rig.engine.fork(rig.request(INVITE), request, rig.now)
    rig.run()
    for status in (180, 486):
        rig.answer(status)
    assert rig.events == []
    assert rig.statuses() == [180, 486]


def test_a_cancel_that_came_before_the_fork_counts() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    rig.engine.accept(incoming, rig.now)
    rig.receive(cancel_of(INVITE))
    fork = rig.fork(incoming)
    assert not fork.open
    assert fork.branches == []


def test_a_finished_context_lets_go_of_the_application() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    incoming.handle = "a request of the application"
    first = rig.fork(incoming)
    rig.answer(200)
    assert incoming.handle is None
    assert first.context.branches == []
    late = rig.fork(incoming)  # nobody is rung any more
    assert late.outcome is not None
    assert late.outcome.status == 200
    assert len([each for each in rig.to(CALLEE) if each.method == "INVITE"]) == 1


def test_ring_time_counts_from_the_fork() -> None:
    rig = Rig()
    rig.now = 100.0
    fork = rig.fork(rig.request(INVITE), ring=5.0)
    rig.answer(180)
    rig.advance(4.9)
    assert fork.outcome is None
    rig.advance(0.2)
    assert fork.outcome is not None
    assert fork.outcome.status == 408
