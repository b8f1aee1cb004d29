"""`return request.relay_stateless(...)`: what programs write, and what is refused."""

from __future__ import annotations

import pytest

from offhook.exchange import Decision, Exchange, Gateway, Reply, Request
from offhook.testing.builders import build_response
from tests.unit.exchange.bench import ALICE, BOB, Bench, Setting

OPEN = Setting(authenticate=False)
EDGE = "sip:bob@198.51.100.2:5060"
CALL = {"branch": "z9hG4bKone", "call_id": "one@bench"}
PAID = Gateway("paid", "sip:198.51.100.2", "internal", "4711", lambda: "secret")


def edge(*methods: str) -> Exchange:
    exchange = Exchange()

    @exchange.request(*methods)
    def relay(request: Request) -> Decision:
        return request.relay_stateless(EDGE)

    return exchange


@pytest.mark.rfc("3261", "16.11")
def test_a_call_passes_and_nothing_is_kept() -> None:
    with Bench(edge("INVITE", "ACK", "CANCEL", "MESSAGE"), OPEN) as bench:
        invite = bench.request("INVITE", "sip:bob@example.com")
        (sent,) = bench.receive(invite)
        assert (sent.method, sent.uri) == ("INVITE", EDGE)
        (again,) = bench.receive(invite)
        assert again.to_bytes() == sent.to_bytes()
        cancel = invite.replace(b"INVITE sip", b"CANCEL sip", 1).replace(b" INVITE\r", b" CANCEL\r")
        (cancelled,) = bench.receive(cancel)
        (ringing,) = bench.receive(build_response(sent.to_bytes(), 180), BOB)
        (refused,) = bench.receive(build_response(sent.to_bytes(), 487), BOB)
        (ack,) = bench.receive(
            invite.replace(b"INVITE sip", b"ACK sip", 1).replace(b" INVITE\r", b" ACK\r")
        )
        branches = {each.core().branch for each in (sent, cancelled, ack)}
        assert len(branches) == 1
        assert (ringing.status, refused.status) == (180, 487)
        (message,) = bench.ask("MESSAGE", "sip:bob@example.com")
        assert message.method == "MESSAGE"
        counts = bench.engine.transactions.counts()
        assert (counts.servers, counts.clients, bench.engine.pending) == (0, 0, 0)


@pytest.mark.parametrize("methods", [("INVITE",), ("INVITE", "ACK"), ()])
def test_who_relays_an_invite_must_relay_its_ack_and_cancel(methods: tuple[str, ...]) -> None:
    with Bench(edge(*methods), OPEN) as bench:
        (answer,) = bench.ask("INVITE", "sip:bob@example.com")
        assert answer.status == 500


def test_not_on_a_profile_that_authenticates() -> None:
    with Bench(edge("INVITE", "ACK", "CANCEL")) as bench:
        (answer,) = bench.ask_as("alice", "INVITE", "sip:bob@example.com")
        assert answer.status == 500


def test_not_in_a_coroutine() -> None:
    exchange = Exchange()

    @exchange.request("INVITE", "ACK", "CANCEL")
    async def relay(request: Request) -> Decision:
        return request.relay_stateless(EDGE)

    with Bench(exchange, OPEN) as bench:
        assert bench.ask("INVITE", "sip:bob@example.com")[-1].status == 500
        (answer,) = bench.ask("CANCEL", "sip:carol@example.com")
        assert answer.status == 481
        assert bench.ask("ACK", "sip:carol@example.com") == []


def test_not_to_a_gateway_that_asks_for_credentials() -> None:
    exchange = Exchange()

    @exchange.request("INVITE", "ACK", "CANCEL")
    def relay(request: Request) -> Decision:
        return request.relay_stateless(PAID)

    with Bench(exchange, OPEN) as bench:
        (answer,) = bench.ask("INVITE", "sip:+331@example.com")
        assert answer.status == 500


def test_a_handler_may_refuse_what_it_does_not_relay() -> None:
    exchange = Exchange()

    @exchange.request("INVITE", "ACK", "CANCEL")
    def relay(request: Request) -> Decision:
        if request.uri.user == "nobody":
            return Reply(404)
        if request.uri.user == "broken":
            raise ValueError
        return request.relay_stateless(EDGE)

    with Bench(exchange, OPEN) as bench:
        (answer,) = bench.ask("INVITE", "sip:nobody@example.com")
        assert answer.status == 404
        (answer,) = bench.ask("CANCEL", "sip:nobody@example.com")
        assert answer.status == 481
        (answer,) = bench.ask("CANCEL", "sip:broken@example.com")
        assert answer.status == 481
        assert bench.ask("ACK", "sip:nobody@example.com") == []
        assert bench.ask("ACK", "sip:broken@example.com") == []


def test_banned_sources_are_not_relayed() -> None:
    with Bench(edge("INVITE", "ACK", "CANCEL"), OPEN) as bench:
        for _ in range(40):
            bench.serving.bans.wrong(ALICE[0], bench.loop.time())
        assert bench.ask("CANCEL", "sip:bob@example.com") == []
        assert bench.ask("ACK", "sip:bob@example.com") == []
        assert bench.serving.counters.banned == 2
