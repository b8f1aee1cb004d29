"""How long anybody waits: timer C, `ring`, `first`, groups by q (RFC 3261 16.6 step 11, 16.8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.exchange import Decision, Exchange, Reply, Request
from offhook.message import Message
from offhook.testing import Script, Step, World, run
from tests.sim.stage import HANGS, OPEN, RINGS, TARGET, Play, play, rings_then


def when(result: Play, status: int) -> float:
    """When the caller first heard that status."""
    return next(time for time, each in result.up if each == status)


@pytest.mark.rfc("3261", "16.8")
def test_timer_c_ends_a_phone_that_rings_for_ever() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"], ring=10_000)

    result = play(handler, {"a": RINGS}, wait=400)
    cancel = next(time for time, method in result.sent("a") if method == "CANCEL")
    assert 185 <= cancel <= 202  # more than three minutes; looked at every 16 seconds
    assert result.call.status in (408, 487)


@pytest.mark.rfc("3261", "16.7")
def test_a_101_to_199_restarts_timer_c() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"], ring=10_000)

    again = Script((Step(0.1, 180), Step(150, 183), Step(300, 180), Step(450, 200)))
    result = play(handler, {"a": again}, wait=500)
    assert result.statuses == [180, 183, 180, 200]


def test_ring_ends_a_fork_and_the_handler_goes_on() -> None:
    async def handler(request: Request) -> Decision:
        outcome = await request.fork(TARGET["a"], ring=6)
        assert (outcome.status, outcome.response, outcome.early) == (408, None, True)
        return Reply(404)

    result = play(handler, {"a": RINGS})
    assert (6.01, "CANCEL") in result.sent("a")
    assert result.statuses == [180, 404]
    assert 6.05 < when(result, 404) < 6.2  # once the 487 is there


def test_ring_of_a_returned_fork_is_408() -> None:
    async def handler(request: Request) -> Decision:
        return request.fork(TARGET["a"], ring=6)

    result = play(handler, {"a": RINGS})
    assert result.statuses == [180, 408]
    assert when(result, 408) < 6.2


def test_first_gives_up_a_phone_that_says_nothing() -> None:
    async def handler(request: Request) -> Decision:
        outcome = await request.fork(TARGET["a"], first=2)
        assert outcome.status == 408
        return await request.fork(TARGET["b"])

    result = play(handler, {"a": HANGS, "b": rings_then(1.0, 200)})
    assert result.sent("b")[0] == (2.01, "INVITE")
    assert result.statuses == [180, 200]


def test_first_does_not_touch_a_phone_that_rings() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"], first=2)

    assert play(handler, {"a": rings_then(5.0, 200)}).statuses == [180, 200]


def test_a_phone_that_never_answers_a_cancel_is_given_64_t1() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"])

    deaf = Script((Step(0.1, 180),), cancel_delay=None)
    result = play(handler, {"a": deaf}, cancel=5)
    assert 37 <= when(result, 487) <= 37.2


@pytest.mark.rfc("3261", "16.6")
def test_groups_of_q_ring_one_after_the_other() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        phones = await exchange.location.lookup(request.uri)
        return await request.fork(phones, by_q=True, ring=30)

    async def story(world: World) -> None:
        busy = Script((Step(0.1, 180), Step(2.0, 486)))
        first = await world.registered("bob", script=busy, q="0.9")
        other = await world.registered("bob", script=busy, q="0.9")
        last = await world.registered("bob", script=rings_then(1.0, 200), q="0.1")
        alice = await world.registered("alice")
        start = world.now
        call = await alice.call("bob@example.com")
        assert call.status == 200
        assert world.now - start > 3.0
        assert [len(phone.incoming) for phone in (first, other, last)] == [1, 1, 1]
        assert await call.hang_up() == 200

    run(story, exchange, delay=(0.01, 0.01), settings=OPEN)


def test_branches_can_be_added_and_provisionals_seen() -> None:
    seen: list[int] = []

    async def handler(request: Request) -> Decision:
        async with request.fork(TARGET["a"], ring=20) as fork:
            async for response in fork.provisional():
                seen.append(response.status)
                if len(seen) == 1:
                    fork.add(TARGET["b"])
            return await fork

    result = play(handler, {"a": RINGS, "b": rings_then(1.0, 200)})
    assert seen == [180, 180]
    assert result.statuses == [180, 180, 200]
    assert "CANCEL" in [method for _, method in result.sent("a")]


def _fails(_message: Message) -> None:
    raise RuntimeError("a fault of the program")


def _breaks_the_uri(message: Message) -> None:
    message.uri = "not a uri"


@pytest.mark.parametrize("edit", [_fails, _breaks_the_uri])
def test_an_edit_that_fails_ends_its_branch_at_once(edit: Callable[[Message], None]) -> None:
    async def handler(request: Request) -> Decision:
        outcome = await request.fork([TARGET["a"], TARGET["b"]], branch=edit)
        assert outcome.status == 500
        return await request.fork(TARGET["b"])

    result = play(handler, {"a": RINGS, "b": rings_then(1.0, 200)})
    assert result.sent("a") == []
    assert result.statuses == [180, 200]


def test_an_inspection_that_fails_holds_nothing_back() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"], reply=_fails)

    assert play(handler, {"a": rings_then(1.0, 200)}).statuses == [180, 200]


def test_edits_and_inspection_of_branches() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(
            TARGET["a"],
            branch=lambda message: message.set("Subject", "edited"),
            reply=lambda message: message.set("Server", "inspected"),
        )

    result = play(handler, {"a": rings_then(1.0, 200)})
    assert result.phones["a"].incoming[0].arrival.message.get("subject") == "edited"
    response = result.call.response
    assert response is not None
    assert response.get("server") == "inspected"
