"""From requests to handlers and from decisions to the wire: what each kind of handler does to its
caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog

from offhook import CallerCancelled
from offhook.engine.events import DestinationChanged
from offhook.errors import PeerError, StorageError
from offhook.exchange import Decision, Exchange, Fork, Outcome, Reply, Request
from offhook.message import Message
from offhook.runtime.complaints import BURST
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop
from tests.unit.exchange.bench import ALICE, BOB, CAROL, Bench, ColdAccounts, Setting

OPEN = Setting(authenticate=False)
TO_BOB = "sip:bob@198.51.100.2:5060"
TO_CAROL = "sip:carol@198.51.100.3:5060"


def _statuses(messages: list[Message]) -> list[int]:
    return [each.status for each in messages if not each.is_request]


def _requests(messages: list[Message]) -> list[str]:
    return [f"{each.method} {each.uri}" for each in messages if each.is_request]


# decisions ----------------------------------------------------------------------------------------
def test_a_plain_function_decides_at_once() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    def invite(_request: Request) -> Decision:
        return Reply(486, "Not Now", {"X-Why": ["one", "two"], "Retry-After": "30"})

    with Bench(exchange, OPEN) as bench:
        (answer,) = bench.ask("INVITE", "sip:bob@example.com")
        assert (answer.status, answer.reason) == (486, "Not Now")
        assert answer.get_all("x-why") == ["one", "two"]
        assert answer.get("retry-after") == "30"
        assert not bench.engine.transactions.servers  # a refusal without a wait keeps no state


def test_a_reply_with_a_body() -> None:
    exchange = Exchange()

    @exchange.request("OPTIONS")
    def options(_request: Request) -> Decision:
        return Reply(200, headers={"Content-Type": "text/plain"}, body=b"hello")

    with Bench(exchange, OPEN) as bench:
        (answer,) = bench.ask("OPTIONS", "sip:example.com")
        assert answer.body == b"hello"
        assert answer.get("content-length") == "5"


def test_a_coroutine_gets_a_task_and_its_caller_a_100() -> None:
    exchange = Exchange()
    tasks: list[asyncio.Task[object] | None] = []

    @exchange.request("INVITE", "MESSAGE")
    async def handler(_request: Request) -> Decision:
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(10):
            await asyncio.sleep(5)
        return Reply(603)

    with Bench(exchange, OPEN) as bench:
        assert _statuses(bench.ask("INVITE", "sip:bob@example.com")) == [100]
        assert _statuses(bench.advance(5.1)) == [603]
        assert _statuses(bench.ask("MESSAGE", "sip:bob@example.com")) == []
        assert _statuses(bench.advance(5.1))[-1] == 603
        assert None not in tasks


def test_a_coroutine_that_does_not_wait_needs_no_100() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(_request: Request) -> Decision:
        return Reply(603)

    with Bench(exchange, OPEN) as bench:
        assert _statuses(bench.ask("INVITE", "sip:bob@example.com")) == [603]


@pytest.mark.parametrize("waiting", [False, True], ids=["def", "async def"])
def test_a_fork_that_is_returned(waiting: bool) -> None:
    exchange = Exchange()

    def plain(request: Request) -> Decision:
        return request.fork(TO_BOB)

    async def coroutine(request: Request) -> Decision:
        return request.fork(TO_BOB)

    exchange.request("INVITE")(coroutine if waiting else plain)
    with Bench(exchange, OPEN) as bench:
        sent = bench.ask("INVITE", "sip:bob@example.com")
        assert _requests(sent) == [f"INVITE {TO_BOB}"]
        assert _statuses(bench.respond(sent[-1] if sent[-1].is_request else sent[0], 486)) == [486]


def test_an_outcome_that_is_returned_is_the_response_itself() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        return await request.fork(TO_BOB)

    with Bench(exchange, OPEN) as bench:
        invite = _invite(bench)
        answers = bench.respond(invite, 486, headers=[("Warning", '399 phone "busy"')])
        (answer,) = [each for each in answers if not each.is_request]
        assert answer.get("warning") == '399 phone "busy"'
        assert (answer.get("to") or "").endswith("tag=at-198.51.100.2")


@pytest.mark.parametrize("waiting", [False, True], ids=["def", "async def"])
def test_an_outcome_without_a_fork_is_an_answer_too(waiting: bool) -> None:
    exchange = Exchange()

    def plain(_request: Request) -> Decision:
        return Outcome(486, "Busy Here")

    async def coroutine(_request: Request) -> Decision:
        return Outcome(486, "Busy Here")

    exchange.request("INVITE")(coroutine if waiting else plain)
    with Bench(exchange, OPEN) as bench:
        assert _statuses(bench.ask("INVITE", "sip:bob@example.com")) == [486]


def _invite(bench: Bench) -> Message:
    """Alice calls; what the phone gets."""
    sent = bench.ask("INVITE", "sip:bob@example.com")
    return next(each for each in sent if each.is_request)


# faults of the program ----------------------------------------------------------------------------
def _raise(error: Exception) -> Decision:
    raise error


FAULTS: list[tuple[Callable[[Request], object], int, str]] = [
    (lambda _request: None, 500, "no_decision"),
    (lambda _request: 486, 500, "no_decision"),
    (lambda _request: _raise(ValueError("oh")), 500, "handler_failed"),
    (lambda _request: _raise(StorageError("down")), 503, "storage_failed"),
    (lambda _request: _raise(PeerError(488, "No")), 488, "refused"),
    (lambda _request: Reply(200, headers={"X": "a\r\nVia: b"}), 500, "handler_failed"),
    (lambda _request: Reply(180), 500, "handler_failed"),
    (lambda request: request.fork("mailto:x@example.com"), 500, "handler_failed"),
    (lambda request: request.fork("bob"), 500, "handler_failed"),
]


@pytest.mark.parametrize(("decide", "status", "event"), FAULTS)
@pytest.mark.parametrize("waiting", [False, True], ids=["def", "async def"])
def test_a_handler_that_fails(
    decide: Callable[[Request], object], status: int, event: str, waiting: bool
) -> None:
    """It costs that request, nothing else: the caller has an answer, the log a reason."""
    exchange = Exchange()

    async def coroutine(request: Request) -> object:
        await asyncio.sleep(0)
        return decide(request)

    exchange.request("INVITE")(coroutine if waiting else decide)  # type: ignore[type-var]  # a wrong program
    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        answers = _statuses(bench.ask("INVITE", "sip:bob@example.com", call_id="this"))
        assert answers[-1] == status
        assert [log["event"] for log in logs] == [event]
        assert logs[0]["call_id"] == "this"


def test_a_handler_that_fails_after_a_2xx() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        await request.fork(TO_BOB)
        raise ValueError("too late")

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        assert _statuses(bench.respond(_invite(bench), 200)) == [200]
        assert [log["event"] for log in logs] == ["handler_failed"]
        assert bench.advance(1) == []


def test_a_reply_after_a_2xx_is_logged_not_sent() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        await request.fork(TO_BOB)
        return Reply(486)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        assert _statuses(bench.respond(_invite(bench), 200)) == [200]
        assert [(log["event"], log["status"]) for log in logs] == [("answer_not_sent", 486)]


def test_returning_what_was_sent_is_nothing() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        return await request.fork(TO_BOB)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        assert _statuses(bench.respond(_invite(bench), 200)) == [200]
        assert logs == []


# forks that run before they are returned ----------------------------------------------------------
def test_a_running_fork_that_is_returned_goes_on() -> None:
    """Nobody is rung twice."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        async with request.fork(TO_BOB) as fork:
            fork.add(TO_CAROL)
        return fork

    with Bench(exchange, OPEN) as bench:
        sent = bench.ask("INVITE", "sip:bob@example.com")
        assert _requests(sent) == [f"INVITE {TO_BOB}", f"INVITE {TO_CAROL}"]
        for_bob, for_carol = [each for each in sent if each.is_request]
        assert _statuses(bench.respond(for_bob, 486)) == []
        assert _statuses(bench.respond(for_carol, 404, CAROL)) == [486]  # tells more than 404


def test_a_plain_function_may_begin_a_fork() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    def handler(request: Request) -> Decision:
        fork = request.fork(TO_BOB)
        fork.add(TO_CAROL)
        return fork

    with Bench(exchange, OPEN) as bench:
        sent = bench.ask("INVITE", "sip:bob@example.com")
        assert _requests(sent) == [f"INVITE {TO_BOB}", f"INVITE {TO_CAROL}"]
        for_bob, for_carol = [each for each in sent if each.is_request]
        bench.respond(for_bob, 486)
        assert _statuses(bench.respond(for_carol, 200, CAROL)) == [200]


# the caller gives up ------------------------------------------------------------------------------
def test_a_handler_hears_of_cancel_at_its_fork() -> None:
    exchange = Exchange()
    seen: list[object] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        try:
            return await request.fork(TO_BOB)
        except CallerCancelled:
            seen.append(request.cancelled)
            raise

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        request = bench.request("INVITE", "sip:bob@example.com")
        invite = next(each for each in bench.receive(request) if each.is_request)
        assert _statuses(bench.respond(invite, 180)) == [180]
        sent = bench.cancel(request)
        assert _statuses(sent) == [200]
        assert _requests(sent) == [f"CANCEL {TO_BOB}"]
        assert _statuses(bench.respond(invite, 487)) == [487]
        assert seen == [True]
        assert [log["log_level"] for log in logs if log["log_level"] != "debug"] == []


def test_cancel_before_the_handler_decides() -> None:
    """Waits on anything else are not interrupted."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(_request: Request) -> Decision:
        await asyncio.sleep(1)
        return Reply(486)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        request = bench.request("INVITE", "sip:bob@example.com")
        bench.receive(request)
        assert _statuses(bench.cancel(request)) == [200, 487]
        bench.advance(0.2)
        after = bench.advance(1)
        assert set(_statuses(after)) <= {487}
        assert [log["event"] for log in logs if log["log_level"] != "debug"] == []


def test_cancel_before_the_first_fork() -> None:
    exchange = Exchange()
    ended: list[str] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        await asyncio.sleep(1)
        try:
            return await request.fork(TO_BOB)
        except CallerCancelled:
            ended.append("told")
            raise

    with Bench(exchange, OPEN) as bench:
        request = bench.request("INVITE", "sip:bob@example.com")
        bench.receive(request)
        bench.cancel(request)
        after = bench.advance(2)
        assert _requests(after) == []
        assert ended == ["told"]


# which handler ------------------------------------------------------------------------------------
def test_methods_without_a_handler_are_built_in() -> None:
    exchange = Exchange()
    exchange.request("INVITE")(lambda _request: Reply(486))
    with Bench(exchange, OPEN) as bench:
        assert _statuses(bench.ask("REGISTER", "sip:example.com")) == [200]
        assert _statuses(bench.ask("OPTIONS", "sip:example.com")) == [200]
        assert _statuses(bench.ask("MESSAGE", "sip:bob@example.com")) == [404]


def test_one_handler_for_all_others() -> None:
    exchange = Exchange()
    exchange.request()(lambda request: Reply(299, request.method))
    exchange.request("INVITE")(lambda _request: Reply(486))
    with Bench(exchange, OPEN) as bench:
        for method in ("REGISTER", "OPTIONS", "DANCE"):
            (answer,) = bench.ask(method, "sip:example.com")
            assert (answer.status, answer.reason) == (299, method)
        assert _statuses(bench.ask("INVITE", "sip:bob@example.com")) == [486]


# what needs a look-up of the account first --------------------------------------------------------
@pytest.mark.parametrize("kind", ["plain", "fork", "async", "built in"])
def test_every_handler_works_behind_a_look_up(kind: str) -> None:
    exchange = Exchange()

    def fork(request: Request) -> Decision:
        return request.fork(TO_BOB)

    async def coroutine(request: Request) -> Decision:
        return await request.fork(TO_BOB)

    made: dict[str, Callable[[Request], Decision]] = {
        "plain": lambda _request: Reply(486),
        "fork": fork,
    }
    if kind == "async":
        exchange.request("INVITE")(coroutine)
    elif kind != "built in":
        exchange.request("INVITE")(made[kind])
    with Bench(exchange, Setting(store=ColdAccounts())) as bench:
        bench.bind("bob", BOB[0])
        bench.ask_as("alice", "INVITE", "sip:bob@example.com")
        sent = bench.advance(0.1)
        if kind == "plain":
            assert _statuses(sent) == [486]
        else:
            assert _requests(sent) == [f"INVITE {TO_BOB}"]
            assert _statuses(bench.respond(sent[-1], 486)) == [486]


def test_the_account_store_fails() -> None:
    class Broken(ColdAccounts):
        async def get(self, user: str, realm: str) -> None:
            raise StorageError("down")

    with Bench(setting=Setting(store=Broken())) as bench, structlog.testing.capture_logs() as logs:
        answers = bench.ask_as("alice", "MESSAGE", "sip:bob@example.com")
        assert _statuses(answers) == [503]
        assert [log["event"] for log in logs] == ["storage_failed"]


def test_a_storage_that_fails_fills_no_log() -> None:
    exchange = Exchange()

    @exchange.request("MESSAGE")
    def message(_request: Request) -> Decision:
        raise StorageError("down")

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        for number in range(BURST + 10):
            (answer,) = bench.ask("MESSAGE", "sip:bob@example.com", call_id=f"call-{number}")
            assert answer.status == 503
        assert len(logs) == BURST
        assert {log["log_level"] for log in logs} == {"error"}
        assert bench.serving.counters.storage_failed == BURST + 10


# other events -------------------------------------------------------------------------------------
def test_a_lost_connection_is_reported() -> None:
    with Bench(setting=OPEN) as bench:
        flow = bench.run(_accept(bench))
        bench.play(lambda: bench.network.lose(flow))
        assert bench.lost == [flow.name]


async def _accept(bench: Bench) -> Flow:
    return bench.network.accept(ALICE)


def test_an_ack_to_a_user_of_an_open_exchange_is_passed_on() -> None:
    """From user agents that put the dialed address there, and forget the Record-Route."""
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (sent,) = bench.ask("ACK", "sip:bob@example.com")
        assert (sent.method, sent.uri) == ("ACK", TO_BOB)
        assert bench.ask("ACK", "sip:x@elsewhere.example") == []


def test_an_ack_of_a_banned_source_is_dropped_and_counted() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        for _ in range(25):
            bench.serving.bans.wrong(ALICE[0], bench.loop.time())
        assert bench.ask("ACK", "sip:bob@example.com") == []
        assert bench.serving.counters.banned == 1


# the end ------------------------------------------------------------------------------------------
def test_stopping_ends_the_handlers() -> None:
    exchange = Exchange()
    ended: list[str] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        try:
            return await request.fork(TO_BOB)
        finally:
            ended.append("handler")

    with Bench(exchange, OPEN) as bench:
        _invite(bench)
    assert ended == ["handler"]


def test_a_fork_is_a_decision() -> None:
    assert Fork in Decision.__args__


def test_a_server_that_fails_and_recovers_leaves_a_line_each() -> None:
    hop = NextHop("UDP", "192.0.2.1", 5060, literal=True, server_name="carrier.test")
    with Bench(Exchange(), OPEN) as bench, structlog.testing.capture_logs() as logs:
        bench.dispatcher.handle(DestinationChanged(hop, "silent", 30.0))
        bench.dispatcher.handle(DestinationChanged(hop, "recovered", 0.0))
    assert [log["event"] for log in logs] == ["destination_failed", "destination_recovered"]
    assert logs[0]["reason"] == "silent"
    assert (logs[0]["host"], logs[0]["domain"]) == ("192.0.2.1", "carrier.test")
    assert logs[0]["avoided"] == 30
