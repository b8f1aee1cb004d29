"""Challenges of gateways, answered on the way (RFC 3261 22.3)."""

from __future__ import annotations

import pytest

from offhook.auth import parse_credentials, verify
from offhook.auth.algorithms import algorithm_named
from offhook.exchange import Decision, Exchange, Gateway, Request
from offhook.exchange.credentials import gateway_authorize
from offhook.message import Message, parse
from offhook.testing.builders import build_request, build_response
from tests.unit.exchange.bench import Bench, Setting

CARRIER = Gateway("carrier", "sip:203.0.113.9", "external", "4711", lambda: "secret")
CHALLENGE = 'Digest realm="carrier", nonce="abc", algorithm=MD5, qop="auth"'


def _sent() -> Message:
    return parse(build_request("INVITE", "sip:+331@203.0.113.9", body=b"v=0"))


def _response(status: int, *headers: tuple[str, str]) -> Message:
    return parse(build_response(_sent().to_bytes(), status, headers=headers))


@pytest.mark.parametrize(
    ("status", "asks", "answers"),
    [
        (401, "WWW-Authenticate", "authorization"),
        (407, "Proxy-Authenticate", "proxy-authorization"),
    ],
)
def test_the_same_request_with_credentials(status: int, asks: str, answers: str) -> None:
    sent = _sent()
    before = sent.to_bytes()
    authorize = gateway_authorize(CARRIER, lambda: "c0ffee")
    again = authorize(sent, _response(status, (asks, CHALLENGE)))
    assert again is not None
    credentials = parse_credentials(again.get(answers) or "")
    assert credentials is not None
    row = algorithm_named("MD5")
    assert row is not None
    assert verify(credentials, ha1=row.ha1("4711", "carrier", "secret"), method="INVITE")
    assert credentials.uri == "sip:+331@203.0.113.9"
    assert again.get("cseq") == "1 INVITE"  # the caller's dialog does not notice
    assert again.body == b"v=0"
    assert sent.to_bytes() == before


@pytest.mark.parametrize(
    ("status", "asks", "value"),
    [
        (407, "Proxy-Authenticate", "Basic realm=x"),
        (407, "Proxy-Authenticate", 'Digest realm="x", nonce="y", algorithm=FOO'),
        (407, "Proxy-Authenticate", "Digest ,,,"),
        (407, "X-Nothing", "x"),
        (486, "Proxy-Authenticate", CHALLENGE),
    ],
)
def test_what_cannot_be_answered(status: int, asks: str, value: str) -> None:
    authorize = gateway_authorize(CARRIER, lambda: "c0ffee")
    assert authorize(_sent(), _response(status, (asks, value))) is None


def test_a_call_through_a_gateway() -> None:
    """The caller sees nothing of the challenge, the gateway nothing of the caller's account."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(exchange.gateways["carrier"])

    far = ("203.0.113.9", 5060)
    with Bench(exchange, Setting(gateways=(CARRIER,))) as bench:
        sent = bench.ask_as("alice", "INVITE", "sip:+331@example.com")
        first = next(each for each in sent if each.is_request)
        assert first.uri == "sip:+331@203.0.113.9"
        (left,) = [each for each in bench.network.sent if b"INVITE sip:+331@203" in each.data]
        assert left.flow.profile == "external"
        assert first.get("proxy-authorization") is None
        followed = bench.receive(
            build_response(first.to_bytes(), 407, headers=[("Proxy-Authenticate", CHALLENGE)]),
            far,
            "external",
        )
        assert [each.method for each in followed if each.is_request] == ["ACK", "INVITE"]
        second = followed[-1]
        assert 'username="4711"' in (second.get("proxy-authorization") or "")
        busy = bench.receive(build_response(second.to_bytes(), 486), far, "external")
        assert [each.status for each in busy if not each.is_request] == [486]


def test_a_gateway_that_refuses_the_password() -> None:
    exchange = Exchange()
    statuses: list[int] = []

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        outcome = await request.fork(exchange.gateways["carrier"])
        statuses.append(outcome.status)
        return outcome

    far = ("203.0.113.9", 5060)
    asks = [("Proxy-Authenticate", CHALLENGE)]
    with Bench(exchange, Setting(authenticate=False, gateways=(CARRIER,))) as bench:
        sent = bench.ask("INVITE", "sip:+331@example.com")
        for _ in range(2):
            invite_sent = [each for each in sent if each.is_request][-1]
            data = build_response(invite_sent.to_bytes(), 407, headers=asks)
            sent = bench.receive(data, far, "external")
        assert statuses == [407]
        assert sum(each.data.startswith(b"INVITE") for each in bench.network.sent) == 2
