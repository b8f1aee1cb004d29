"""Forks as programs see them: the contract of design section 4, with the real engine below."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from offhook import CallerCancelled
from offhook.errors import UsageError
from offhook.exchange import Decision, Exchange, Outcome, Reply, Request
from offhook.message import Message
from tests.unit.exchange.bench import BOB, CAROL, Bench, Setting

OPEN = Setting(authenticate=False)
TO_BOB = "sip:bob@198.51.100.2:5060"
TO_CAROL = "sip:carol@198.51.100.3:5060"


class Play:
    """One call from alice to whom the handler forks to."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.request = bench.request("INVITE", "sip:somebody@example.com")
        self.up: list[int] = []  # what reached the caller, 100 left out
        self.invites: dict[str, Message] = {}
        self.others: list[str] = []  # other requests that left
        self.note(bench.receive(self.request))

    def note(self, sent: list[Message]) -> None:
        for each in sent:
            if each.is_request and each.method == "INVITE":
                self.invites.setdefault(each.uri, each)
            elif each.is_request:
                self.others.append(f"{each.method} {each.uri}")
            elif each.status > 100 and (each.get("cseq") or "").endswith("INVITE"):
                self.up.append(each.status)

    def bob(self, status: int) -> None:
        self.note(self.bench.respond(self.invites[TO_BOB], status, BOB))

    def carol(self, status: int) -> None:
        self.note(self.bench.respond(self.invites[TO_CAROL], status, CAROL))

    def wait(self, seconds: float) -> None:
        self.note(self.bench.advance(seconds))

    def cancel(self) -> None:
        self.note(self.bench.cancel(self.request))


def _outcomes(
    exchange: Exchange, *targets: str, ring: float = 120, by_q: bool = False
) -> list[Outcome]:
    """Declares a handler that forks to all; what it got."""
    got: list[Outcome] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        outcome = await request.fork(list(targets), ring=ring, by_q=by_q)
        got.append(outcome)
        return outcome

    return got


# one fork -----------------------------------------------------------------------------------------
@pytest.mark.rfc("3261", "16.7")
def test_the_first_2xx_wins_and_the_others_are_cancelled() -> None:
    exchange = Exchange()
    got = _outcomes(exchange, TO_BOB, TO_CAROL)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.carol(183)
        assert play.up == [180, 183]  # at once
        play.bob(200)
        assert play.up == [180, 183, 200]
        assert play.others == [f"CANCEL {TO_CAROL}"]
        (outcome,) = got
        assert (outcome.status, outcome.ok, outcome.branch, outcome.early) == (
            200,
            True,
            TO_BOB,
            True,
        )
        assert outcome.response is not None
        assert outcome.response.status == 200


@pytest.mark.rfc("3261", "16.7")
def test_the_best_final_response_is_held() -> None:
    exchange = Exchange()
    got = _outcomes(exchange, TO_BOB, TO_CAROL)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(503)
        assert (got, play.up) == ([], [])
        play.carol(486)
        assert play.up == [486]
        (outcome,) = got
        assert (outcome.status, outcome.ok, outcome.branch, outcome.early) == (
            486,
            False,
            TO_CAROL,
            False,
        )


def test_nobody_to_fork_to() -> None:
    exchange = Exchange()
    got = _outcomes(exchange)
    with Bench(exchange, OPEN) as bench:
        assert Play(bench).up == [480]
        assert (got[0].status, got[0].response) == (480, None)


@pytest.mark.rfc("3261", "16.7")
def test_6xx_ends_all() -> None:
    exchange = Exchange()
    _outcomes(exchange, TO_BOB, TO_CAROL)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.carol(180)
        play.bob(603)
        assert play.others == [f"ACK {TO_BOB}", f"CANCEL {TO_CAROL}"]
        play.carol(487)
        assert play.up == [180, 603]


def test_ring_is_over() -> None:
    exchange = Exchange()
    got = _outcomes(exchange, TO_BOB, ring=20)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.wait(19.9)
        assert got == []
        play.wait(0.2)
        assert play.others == [f"CANCEL {TO_BOB}"]
        assert (got[0].status, got[0].response, got[0].early) == (408, None, True)
        assert play.up == [180]  # held: a 2xx may cross
        play.bob(487)
        assert play.up == [180, 408]


def test_first_is_over() -> None:
    """A silent server is given up quickly, one that rings is not."""
    exchange = Exchange()
    got: list[int] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        got.append((await request.fork(TO_CAROL, first=3)).status)
        got.append((await request.fork(TO_BOB, first=3)).status)
        return Reply(480)

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.wait(2.9)
        assert list(play.invites) == [TO_CAROL]
        play.wait(0.2)
        assert (got, list(play.invites)) == ([408], [TO_CAROL, TO_BOB])
        play.bob(180)
        play.wait(20)
        assert got == [408]
        play.bob(486)
        assert got == [408, 486]


@pytest.mark.rfc("3261", "16.6")
def test_by_q_one_group_after_the_other() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        phones = await exchange.location.lookup("sip:bob@example.com")
        return await request.fork(phones, by_q=True)

    with Bench(exchange, OPEN) as bench:
        bench.bind("bob", CAROL[0], contact=TO_CAROL, q=300)
        bench.bind("bob", BOB[0], q=700)
        play = Play(bench)
        assert list(play.invites) == [TO_BOB]
        play.bob(486)
        assert list(play.invites) == [TO_BOB, TO_CAROL]
        play.carol(200)
        assert play.up == [200]


# serial forks -------------------------------------------------------------------------------------
def _serial(exchange: Exchange, ring: float = 10) -> list[int]:
    got: list[int] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        for target in (TO_BOB, TO_CAROL):
            outcome = await request.fork(target, ring=ring)
            got.append(outcome.status)
            if outcome.ok:
                return outcome
        return Reply(480, "Nobody")

    return got


def test_a_loop_is_a_serial_fork() -> None:
    exchange = Exchange()
    got = _serial(exchange)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        assert list(play.invites) == [TO_BOB]
        play.bob(486)
        assert (play.up, list(play.invites)) == ([], [TO_BOB, TO_CAROL])
        play.carol(404)
        assert got == [486, 404]
        assert play.up == [480]


@pytest.mark.rfc("3261", "16.7")
def test_a_2xx_of_an_earlier_fork_ends_the_running_one() -> None:
    exchange = Exchange()
    got = _serial(exchange)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.wait(10.1)
        assert got == [408]
        play.carol(180)
        play.bob(200)
        assert play.up == [180, 180, 200]
        assert play.others == [f"CANCEL {TO_BOB}", f"CANCEL {TO_CAROL}"]
        assert got == [408, 200]


def test_a_fork_after_the_answer_is_over_at_once() -> None:
    exchange = Exchange()
    got: list[int] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        got.append((await request.fork(TO_BOB)).status)
        got.append((await request.fork(TO_CAROL)).status)
        return await request.fork(TO_CAROL)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        play = Play(bench)
        play.bob(200)
        assert got == [200, 200]
        assert list(play.invites) == [TO_BOB]
        assert logs == []


# the caller gives up ------------------------------------------------------------------------------
def test_the_running_fork_and_the_next_raise() -> None:
    exchange = Exchange()
    got: list[str] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        for target in (TO_BOB, TO_CAROL):
            try:
                await request.fork(target)
            except CallerCancelled:
                got.append(target)
        return Reply(480)

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.cancel()
        assert got == []  # a 2xx may cross
        play.bob(487)
        assert got == [TO_BOB, TO_CAROL]
        assert (play.up, list(play.invites)) == ([180, 487], [TO_BOB])


def test_a_crossing_2xx_wins() -> None:
    exchange = Exchange()
    got = _outcomes(exchange, TO_BOB)
    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.cancel()
        play.bob(200)
        assert play.up == [180, 200]
        assert [outcome.status for outcome in got] == [200]


# leaving early ------------------------------------------------------------------------------------
def test_leaving_the_wait_abandons_the_fork() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        try:
            async with asyncio.timeout(5):
                return await request.fork(TO_BOB)
        except TimeoutError:
            return await request.fork(TO_CAROL)

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.wait(5.1)
        assert play.others == [f"CANCEL {TO_BOB}"]
        play.carol(200)
        assert play.up == [180, 200]


def test_an_error_in_the_block_abandons_the_fork() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        async with request.fork(TO_BOB) as fork:
            async for _response in fork.provisional():
                raise ValueError("oh")
        return Reply(480)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        play = Play(bench)
        play.bob(180)
        assert play.others == [f"CANCEL {TO_BOB}"]
        assert [log["event"] for log in logs] == ["handler_failed"]
        play.bob(487)
        assert play.up == [180, 500]


def test_an_abandoned_fork_has_no_outcome() -> None:
    exchange = Exchange()
    told: list[str] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        fork = request.fork(TO_BOB)
        try:
            async with asyncio.timeout(1):
                await fork
        except TimeoutError:
            try:
                await fork
            except UsageError as error:
                told.append(str(error))
        return Reply(480)

    with Bench(exchange, OPEN) as bench:
        Play(bench).wait(1.1)
        assert told == ["this fork was abandoned and has no outcome"]


# while it runs ------------------------------------------------------------------------------------
def test_provisionals_and_late_branches() -> None:
    exchange = Exchange()
    seen: list[int] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        async with request.fork(TO_BOB) as fork:
            async for response in fork.provisional():
                seen.append(response.status)
                if response.status == 182:
                    fork.add(TO_CAROL)
        return await fork

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(180)
        play.bob(182)
        assert list(play.invites) == [TO_BOB, TO_CAROL]
        play.carol(183)
        assert seen == [180, 182, 183]
        play.carol(200)
        assert play.up == [180, 182, 183, 200]


def test_an_addition_after_the_outcome_is_nothing() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        async with request.fork(TO_BOB) as fork:
            await fork
            fork.add(TO_CAROL)
            assert [response async for response in fork.provisional()] == []
        return await fork

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(486)
        assert (play.up, list(play.invites)) == ([486], [TO_BOB])


def test_several_wait_for_one_fork() -> None:
    exchange = Exchange()
    got: list[int] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        fork = request.fork(TO_BOB)

        async def wait() -> None:
            got.append((await fork).status)

        async with asyncio.TaskGroup() as group:
            group.create_task(wait())
            group.create_task(wait())
        return await fork

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        play.bob(486)
        assert (got, play.up) == ([486, 486], [486])


def test_provisionals_need_the_block() -> None:
    exchange = Exchange()
    told: list[str] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        try:
            async for _ in request.fork(TO_BOB).provisional():
                break
        except UsageError as error:
            told.append(str(error))
        return Reply(480)

    with Bench(exchange, OPEN) as bench:
        Play(bench)
        assert "async with request.fork" in told[0]


# edits --------------------------------------------------------------------------------------------
def test_each_branch_is_edited_for_itself() -> None:
    exchange = Exchange()

    def edit(message: Message) -> None:
        message.add("X-To", message.uri)

    def inspect(response: Message) -> None:
        response.add("X-Seen", str(response.status))

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        return await request.fork([TO_BOB, TO_CAROL], branch=edit, reply=inspect)

    with Bench(exchange, OPEN) as bench:
        play = Play(bench)
        assert play.invites[TO_BOB].get_all("x-to") == [TO_BOB]
        assert play.invites[TO_CAROL].get_all("x-to") == [TO_CAROL]
        (ringing,) = bench.respond(play.invites[TO_BOB], 180)
        assert ringing.get("x-seen") == "180"


def _failing(_message: Message) -> None:
    raise ValueError("oh")


def test_an_inspection_that_fails_is_logged_and_the_response_goes_on() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        return await request.fork(TO_BOB, reply=_failing)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        play = Play(bench)
        play.bob(180)
        play.bob(200)
        assert play.up == [180, 200]
        assert [log["event"] for log in logs] == ["reply_inspection_failed"] * 2
        assert logs[0]["call_id"] == play.invites[TO_BOB].get("call-id")


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "returned"])
def test_what_cannot_be_edited_is_not_sent(awaited: bool) -> None:
    """It may have been about to hide who calls."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        fork = request.fork(TO_BOB, branch=_failing)
        return await fork if awaited else fork

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        play = Play(bench)
        assert (play.invites, play.up) == ({}, [500])
        assert [log["event"] for log in logs] == ["branch_edit_failed"]
