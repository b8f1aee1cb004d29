"""One branch: ways in series, provisional and final, CANCEL at the right moment (RFC 3263 4.3)."""

from __future__ import annotations

import pytest

from offhook.proxy.branch import GIVE_UP, SILENCE, Branch, retry_after
from offhook.proxy.response_context import Fork, ResponseContext
from offhook.proxy.target import ForkRequest, Target
from offhook.transport.next_hop import NextHop
from tests.unit.proxy.outlet import Outlet, response


def start(
    target: Target, outlet: Outlet, *, first: float | None = None, next_route: str = ""
) -> tuple[Fork, Branch]:
    """A fork of one branch."""
    context = ResponseContext(outlet, None, invite=True, next_route=next_route)
    fork = context.fork(ForkRequest([[target]], 1000.0, first), 0.0)
    return fork, fork.branches[0]


def hosts(outlet: Outlet) -> list[object]:
    """Where tries went, in order."""
    return [line[2] for line in outlet.log if line[0] == "send"]


@pytest.mark.rfc("3263", "4.3")
def test_addresses_of_a_name_are_tried_in_order() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]})
    outlet.dead = {"192.0.2.1"}
    _, branch = start(Target("sip:x@desk.test"), outlet)
    assert hosts(outlet) == ["192.0.2.2"]
    outlet.advance(GIVE_UP)
    assert hosts(outlet) == ["192.0.2.2", "192.0.2.3"]
    assert outlet.of("abandon") == ["sip:x@desk.test"]
    outlet.advance(2 * GIVE_UP)
    assert hosts(outlet) == ["192.0.2.2", "192.0.2.3"]  # the last one is not given up
    assert not branch.ended


def test_a_provisional_ends_the_search() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2"]})
    fork, branch = start(Target("sip:x@desk.test"), outlet)
    fork.provisional(branch, response(100), 1.0)
    outlet.advance(2 * GIVE_UP)
    assert hosts(outlet) == ["192.0.2.1"]


def test_a_name_without_addresses_is_503() -> None:
    outlet = Outlet()
    _, branch = start(Target("sip:x@desk.test"), outlet)
    assert (branch.ended, branch.status) == (True, 503)


@pytest.mark.parametrize(("uri", "status"), [("tel:+331", 416), ("sip:x@h;transport=ws", 480)])
def test_a_uri_that_leads_nowhere_ends_with_its_status(uri: str, status: int) -> None:
    _, branch = start(Target(uri), Outlet())
    assert (branch.ended, branch.status) == (True, status)


def test_a_flow_comes_before_the_uri() -> None:
    outlet = Outlet()
    start(Target("sip:x@192.0.2.9", flow="f1"), outlet)
    assert hosts(outlet) == ["f1"]
    outlet = Outlet()
    outlet.dead = {"f1"}
    start(Target("sip:x@192.0.2.9", flow="f1"), outlet)
    assert hosts(outlet) == ["192.0.2.9"]


def test_a_dead_flow_that_is_the_only_way_is_480() -> None:
    outlet = Outlet()
    outlet.dead = {"f1"}
    _, branch = start(Target("sip:x@192.0.2.9", flow="f1", by_flow=True), outlet)
    assert (branch.ended, branch.status) == (True, 480)


def test_alternatives_are_tried_in_series() -> None:
    outlet = Outlet()
    outlet.dead = {"f1"}
    target = Target(
        "sip:x@192.0.2.9",
        flow="f1",
        by_flow=True,
        alternatives=(Target("sip:x@192.0.2.8"), Target("sip:x@192.0.2.7")),
    )
    start(target, outlet)
    assert hosts(outlet) == ["192.0.2.8"]
    outlet.advance(GIVE_UP)
    assert hosts(outlet) == ["192.0.2.8", "192.0.2.7"]


@pytest.mark.parametrize(
    ("target", "next_route", "host"),
    [
        (Target("sip:x@192.0.2.9", next_hop="sip:192.0.2.1"), "sip:192.0.2.3;lr", "192.0.2.1"),
        (Target("sip:x@192.0.2.9", path=("<sip:192.0.2.2;lr>",)), "sip:192.0.2.3", "192.0.2.2"),
        (Target("sip:x@192.0.2.9"), "sip:192.0.2.3;lr", "192.0.2.3"),
        (Target("sip:x@192.0.2.9"), "", "192.0.2.9"),
    ],
)
def test_what_the_next_hop_is_read_from(target: Target, next_route: str, host: str) -> None:
    outlet = Outlet()
    start(target, outlet, next_route=next_route)
    assert hosts(outlet) == [host]


@pytest.mark.rfc("3261", "9.1")
def test_cancel_waits_for_a_provisional_and_is_sent_once() -> None:
    outlet = Outlet()
    fork, branch = start(Target("sip:x@192.0.2.9"), outlet)
    branch.drop("reason", 1.0)
    assert outlet.of("cancel") == []
    for status in (100, 180, 183):
        fork.provisional(branch, response(status), 2.0)
    assert outlet.of("cancel") == ["sip:x@192.0.2.9"]
    assert outlet.of("up") == []  # nobody wants to hear that it rings
    fork.final(branch, response(487), 3.0)
    assert branch.ended


def test_a_dropped_branch_that_says_nothing_ends_after_64_t1() -> None:
    outlet = Outlet()
    _, branch = start(Target("sip:x@192.0.2.9"), outlet)
    branch.drop("", 1.0)
    outlet.advance(SILENCE + 0.9)
    assert not branch.ended
    outlet.advance(SILENCE + 1.0)
    assert (branch.ended, branch.status) == (True, 487)


def test_a_dropped_branch_tries_no_further_way() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2"]})
    _, branch = start(Target("sip:x@desk.test"), outlet)
    branch.drop("", 1.0)
    branch.timed_out(2.0)
    assert (branch.status, hosts(outlet)) == (487, ["192.0.2.1"])


def test_timer_b_is_408_or_the_next_way() -> None:
    outlet = Outlet()
    target = Target("sip:x@192.0.2.9", alternatives=(Target("sip:x@192.0.2.8"),))
    _, branch = start(target, outlet)
    branch.timed_out(32.0)
    assert hosts(outlet) == ["192.0.2.9", "192.0.2.8"]
    branch.timed_out(64.0)
    assert (branch.ended, branch.status) == (True, 408)


def test_first_is_408_without_any_response() -> None:
    outlet = Outlet()
    _, branch = start(Target("sip:x@192.0.2.9"), outlet, first=2.0)
    outlet.advance(2.0)
    assert (branch.ended, branch.status) == (True, 408)
    assert outlet.of("abandon") == ["sip:x@192.0.2.9"]
    outlet = Outlet()
    fork, branch = start(Target("sip:x@192.0.2.9"), outlet, first=2.0)
    fork.provisional(branch, response(100), 1.0)
    outlet.advance(2.0)
    assert not branch.ended


def test_nothing_touches_a_branch_that_has_ended() -> None:
    outlet = Outlet()
    fork, branch = start(Target("sip:x@192.0.2.9"), outlet)
    fork.final(branch, response(486), 1.0)
    before = list(outlet.log)
    branch.way_failed(503, 2.0)
    branch.resolved([NextHop("UDP", "192.0.2.1", 5060, True, "")], 2.0)
    branch.timed_out(2.0)
    fork.provisional(branch, response(180), 2.0)
    fork.final(branch, response(404), 2.0)
    branch.drop("", 2.0)
    outlet.advance(500.0)
    assert branch.status == 486
    assert outlet.log == before


def test_a_late_2xx_of_a_branch_that_ended_goes_up() -> None:
    outlet = Outlet()
    fork, branch = start(Target("sip:x@192.0.2.9"), outlet, first=2.0)
    outlet.advance(2.0)
    fork.final(branch, response(200), 3.0)
    assert outlet.of("up") == [200]


def test_an_overloaded_server_leads_to_the_next_and_is_remembered() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2"]})
    _, branch = start(Target("sip:x@desk.test"), outlet)
    busy = response(503, headers=[("Retry-After", "60 (later)")])
    assert branch.overloaded(busy, 1.0)
    assert hosts(outlet) == ["192.0.2.1", "192.0.2.2"]
    assert not branch.overloaded(busy, 2.0)  # the last one's answer counts
    assert not branch.ended
    first = NextHop("UDP", "192.0.2.1", 5060, True, "")
    assert outlet.standing.avoided(first, 60.9)
    assert not outlet.standing.avoided(first, 61.1)


def test_a_503_of_an_address_is_an_answer_like_others() -> None:
    outlet = Outlet()
    _, branch = start(Target("sip:x@192.0.2.9"), outlet)
    assert not branch.overloaded(response(503), 1.0)
    assert not list(outlet.standing.troubles())


def test_nobody_tries_on_for_a_caller_who_left() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2"]})
    _, branch = start(Target("sip:x@desk.test"), outlet)
    branch.drop("", 1.0)
    assert not branch.overloaded(response(503), 2.0)
    assert hosts(outlet) == ["192.0.2.1"]


def test_a_refused_try_does_not_shorten_the_patience_with_the_next() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]})
    _, branch = start(Target("sip:x@desk.test"), outlet)
    outlet.advance(3.0)
    branch.way_failed(503, 3.0)
    outlet.advance(GIVE_UP)
    assert hosts(outlet) == ["192.0.2.1", "192.0.2.2"]
    outlet.advance(3.0 + GIVE_UP)
    assert hosts(outlet) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_what_failed_is_tried_last_by_the_next_call() -> None:
    outlet = Outlet(names={"desk.test": ["192.0.2.1", "192.0.2.2"]})
    outlet.dead = {"192.0.2.1"}
    start(Target("sip:x@desk.test"), outlet)
    outlet.dead = set()
    start(Target("sip:x@desk.test"), outlet)
    assert hosts(outlet) == ["192.0.2.2", "192.0.2.2"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("18000;duration=3600", 18000.0), ("5 (maintenance)", 5.0), ("soon", 0.0)],
)
def test_reading_a_retry_after(text: str, seconds: float) -> None:
    assert retry_after(response(503, headers=[("Retry-After", text)])) == seconds
    assert retry_after(response(503)) == 0.0


def flows(*names: str) -> Target:
    """A phone with several flows, the newest first."""
    ways = [Target("sip:x@192.0.2.9", flow=name, by_flow=True, origin=name) for name in names]
    ways[0].alternatives = tuple(ways[1:])
    return ways[0]


@pytest.mark.rfc("5626", "7")
@pytest.mark.parametrize("status", [430, 408])
def test_a_flow_that_its_edge_calls_dead_gives_way_to_the_next(status: int) -> None:
    outlet = Outlet()
    fork, branch = start(flows("f1", "f2", "f3"), outlet)
    fork.final(branch, response(status), 1.0)
    assert hosts(outlet) == ["f1", "f2"]
    assert not branch.ended
    fork.provisional(branch, response(100), 1.5)
    fork.final(branch, response(486), 2.0)
    assert hosts(outlet) == ["f1", "f2"]  # the phone has answered
    assert (branch.ended, branch.status) == (True, 486)


@pytest.mark.rfc("3261", "21.5.4")
def test_an_edge_that_is_overloaded_gives_way_to_the_next_and_a_phone_does_not() -> None:
    outlet = Outlet()
    target = flows("f1", "f2")
    target.path = ("<sip:192.0.2.8;lr>",)
    fork, branch = start(target, outlet)
    fork.final(branch, response(503), 1.0)
    assert hosts(outlet) == ["f1", "f2"]
    fork.final(branch, response(503), 2.0)  # without an edge, or the last one
    assert (branch.ended, branch.status) == (True, 503)
    fork, branch = start(flows("f1", "f2"), outlet)
    fork.final(branch, response(503), 1.0)
    assert (branch.ended, branch.status) == (True, 503)


@pytest.mark.rfc("5626", "7")
def test_when_every_flow_has_failed_the_phone_is_unavailable() -> None:
    outlet = Outlet()
    fork, branch = start(flows("f1", "f2"), outlet)
    fork.final(branch, response(430), 1.0)
    fork.final(branch, response(430), 2.0)
    assert (branch.ended, branch.status, branch.response) == (True, 480, None)


@pytest.mark.rfc("5626", "7")
def test_a_phone_whose_edges_cannot_be_reached_is_480() -> None:
    outlet = Outlet()
    outlet.dead = {"192.0.2.7", "192.0.2.8"}
    last = Target("sip:x@192.0.2.9", path=("<sip:192.0.2.8;lr>",), origin="desk")
    first = Target(
        "sip:x@192.0.2.9", path=("<sip:192.0.2.7;lr>",), origin="desk", alternatives=(last,)
    )
    _, branch = start(first, outlet)
    assert (branch.ended, branch.status) == (True, 480)
    unknown = Target("sip:x@192.0.2.9", path=("<sip:edge.test;lr>",), origin="desk")
    _, branch = start(unknown, outlet)
    assert (branch.ended, branch.status) == (True, 480)


@pytest.mark.rfc("5626", "7")
def test_a_phone_whose_edge_takes_nothing_is_480() -> None:
    outlet = Outlet()
    target = Target("sip:x@192.0.2.9", path=("<sip:192.0.2.8;lr>",), origin="desk")
    fork, branch = start(target, outlet)
    fork.final(branch, response(503), 1.0)
    assert (branch.ended, branch.status) == (True, 480)


def test_a_430_that_is_not_about_a_flow_of_ours_is_passed_on() -> None:
    outlet = Outlet()
    fork, branch = start(Target("sip:x@192.0.2.9"), outlet)
    fork.final(branch, response(430), 1.0)
    assert (branch.ended, branch.status) == (True, 430)


def test_a_phone_that_rang_is_not_rung_again_by_another_flow() -> None:
    outlet = Outlet()
    fork, branch = start(flows("f1", "f2"), outlet)
    fork.provisional(branch, response(180), 0.5)
    fork.final(branch, response(408), 1.0)
    assert hosts(outlet) == ["f1"]
    assert (branch.ended, branch.status) == (True, 408)
