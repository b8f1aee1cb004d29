"""A request as a handler sees it."""

from __future__ import annotations

import asyncio

import pytest

from offhook.errors import UriError, UsageError
from offhook.exchange import Decision, Exchange, Reply, Request
from tests.unit.exchange.bench import ALICE, BOB, CAROL, Bench, Setting

OPEN = Setting(authenticate=False)


def _read(bench_setting: Setting, **options: str) -> Request:
    """The request that a handler got."""
    exchange = Exchange()
    found: list[Request] = []

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        found.append(request)
        await asyncio.sleep(1)
        return Reply(486)

    with Bench(exchange, bench_setting) as bench:
        bench.ask(
            "INVITE",
            options.get("uri", "sip:bob@example.com;x=y"),
            call_id="this",
            headers=[("X-Two", "a"), ("x-two", "b"), ("s", "a subject")],
            callee=options.get("callee", "<sip:bob@example.com>"),
        )
    return found[0]


def test_what_it_says() -> None:
    request = _read(OPEN)
    assert request.method == "INVITE"
    assert (request.uri.user, request.uri.host) == ("bob", "example.com")
    assert request.call_id == "this"
    assert request.aor == "sip:bob@example.com"
    assert request.header("X-Two") == request.header("x-TWO") == "a"
    assert request.headers("X-Two") == ["a", "b"]
    assert request.header("Subject") == "a subject"  # a compact name is the long one
    assert request.header("X-None") is None
    assert request.headers("X-None") == []
    assert not request.in_dialog
    assert not request.cancelled


def test_who_sent_it() -> None:
    request = _read(OPEN)
    assert request.source == ALICE
    assert request.transport == "UDP"
    assert request.profile.name == "internal"
    assert request.account is None
    assert request.gateway is None


def test_a_to_tag_proves_nothing() -> None:
    request = _read(OPEN, callee="<sip:bob@example.com>;tag=forged")
    assert request.in_dialog
    assert request.incoming.token is None


def test_a_uri_that_is_not_ours() -> None:
    assert _read(OPEN, uri="sip:bob@elsewhere.example").aor == ""


def test_a_uri_that_cannot_be_read_is_refused() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    def handler(request: Request) -> Decision:
        with pytest.raises(UriError):
            print(request.uri)
        return Reply(486, request.uri.host)

    with Bench(exchange, OPEN) as bench:
        (answer,) = bench.ask("INVITE", "sip:bob@[::1")
        assert answer.status == 400


@pytest.mark.parametrize("seconds", [0, -1])
def test_times_of_a_fork_are_above_zero(seconds: float) -> None:
    request = _read(OPEN)
    with pytest.raises(UsageError, match="seconds above 0"):
        request.fork("sip:x", ring=seconds)
    with pytest.raises(UsageError, match="seconds above 0"):
        request.fork("sip:x", first=seconds)


def test_a_fork_takes_one_target_or_several() -> None:
    request = _read(OPEN)
    assert request.fork("sip:x").targets == ["sip:x"]
    assert request.fork(request.uri).targets == [request.uri]
    assert request.fork(["sip:x", request.uri]).targets == ["sip:x", request.uri]
    assert request.fork(()).targets == []
    assert not request.fork("sip:x").started


def test_a_fork_to_a_list_of_everything() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def handler(request: Request) -> Decision:
        phones = await exchange.location.lookup(request.uri)
        return await request.fork([*phones, "sip:carol@198.51.100.3"])

    with Bench(exchange, OPEN) as bench:
        bench.bind("bob", BOB[0])
        bench.ask("INVITE", "sip:bob@example.com")
        invited = [each.flow.remote for each in bench.network.sent if each.message.is_request]
        assert invited == [BOB, CAROL]
