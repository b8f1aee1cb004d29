"""sips at the registrar and in routing, as peers see it (RFC 5630)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.exchange import Decision, Exchange, Gateway, Request
from offhook.exchange.sips import contact_for, gateway_uri, reachable
from offhook.message import Message, parse_uri
from offhook.transport.flow import Flow
from tests.unit.exchange.bench import ALICE, BOB, CAROL, Bench, Setting, binding

OPEN = Setting(authenticate=False, secure=True)
TO_ALICE = ("Contact", "<sips:alice@198.51.100.1>")
EVERY = pytest.mark.parametrize("immediate", [True, False], ids=["immediate", "waiting"])


def connect(bench: Bench, host: str) -> Flow:
    """A TLS connection from that host."""
    opened: list[Flow] = []
    bench.play(lambda: opened.append(bench.network.accept((host, 40_000), "internal", "TLS")))
    return opened[0]


def ask(bench: Bench, method: str, uri: str, *headers: tuple[str, str]) -> list[Message]:
    """A request from alice's connection: what was sent because of it."""
    data = bench.request(
        method,
        uri,
        caller="sips:alice@example.com",
        transport="TLS",
        without=["contact"],
        headers=headers,
    )
    return bench.receive(data, connect(bench, ALICE[0]))


def status_of(sent: list[Message]) -> int:
    """Of the final response among these."""
    (final,) = [message for message in sent if message.status >= 200]
    return final.status


# registrations ------------------------------------------------------------------------------------
@pytest.mark.rfc("5630", "5.2")
@pytest.mark.parametrize(
    ("uri", "contacts", "path", "status"),
    [
        ("sips:example.com", "<sips:alice@192.0.2.77>", "", 200),
        ("sips:example.com", "<sip:alice@192.0.2.77>", "", 200),
        ("sip:example.com", "<sip:alice@192.0.2.77;transport=tls>", "", 200),
        ("sip:example.com", "<sips:alice@192.0.2.77>", "", 400),
        ("sip:example.com", "<sips:alice@192.0.2.77>;expires=0", "", 200),
        ("sips:example.com", "<sips:alice@192.0.2.77>, <sip:a@192.0.2.78>", "", 400),
        ("sips:example.com", "<sips:alice@192.0.2.77>, <tel:+331>", "", 400),
        ("sips:example.com", "<sips:alice@192.0.2.77>", "<sips:edge.example.com;lr>", 200),
        ("sips:example.com", "<sips:alice@192.0.2.77>", "<sip:edge.example.com;lr>", 400),
        ("sips:example.com", "<sip:alice@192.0.2.77>", "<sip:edge.example.com;lr>", 200),
    ],
)
def test_a_sips_contact_needs_sips_everywhere(
    uri: str, contacts: str, path: str, status: int
) -> None:
    with Bench(setting=OPEN) as bench:
        headers = [("m", contacts)] + ([("Path", path)] if path else [])
        assert status_of(ask(bench, "REGISTER", uri, *headers)) == status
        bound = bench.bindings.lookup_now("sip:alice@example.com")
        assert bool(bound) is (status == 200 and "expires=0" not in contacts)


@pytest.mark.rfc("5630", "5.2")
def test_both_schemes_are_one_address_of_record() -> None:
    with Bench(setting=OPEN) as bench:
        ask(bench, "REGISTER", "sips:example.com", ("m", "<sips:a@h>"))
        (bound,) = bench.bindings.lookup_now("sip:alice@example.com")
        assert bound.contact == "sips:a@h"


@pytest.mark.rfc("5630", "5.1.1.1")
def test_the_later_scheme_of_a_contact_replaces_the_earlier() -> None:
    with Bench(setting=OPEN) as bench:
        for contact in ("<sip:a@h>", "<sips:a@h>", "<sip:a@h>"):
            assert status_of(ask(bench, "REGISTER", "sips:example.com", ("m", contact))) == 200
            bound = bench.bindings.lookup_now("sip:alice@example.com")
            assert [f"<{each.contact}>" for each in bound] == [contact]


@pytest.mark.rfc("3261", "26.2.2")
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "MESSAGE"])
def test_sips_over_an_insecure_transport_is_refused(method: str) -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask(method, "sips:bob@example.com")
        assert (answer.status, answer.reason) == (403, "SIPS Needs TLS")


# calls --------------------------------------------------------------------------------------------
def bound(bench: Bench, contact: str) -> Flow:
    """Bob's phone, registered with that Contact over TLS."""
    flow = connect(bench, BOB[0])
    bench.bind("bob", BOB[0], contact=contact, flow=flow.name, by_flow=True)
    return flow


@pytest.mark.rfc("5630", "5.3")
@EVERY
def test_sips_reaches_sips_contacts_alone(immediate: bool) -> None:
    with Bench(setting=replace(OPEN, immediate=immediate)) as bench:
        bench.bind("bob", CAROL[0])
        bound(bench, "sips:bob@198.51.100.2")
        sent = [each for each in ask(bench, "INVITE", "sips:bob@example.com", TO_ALICE) if each.uri]
        assert [message.uri for message in sent] == ["sips:bob@198.51.100.2"]
        routes = sent[0].get_all("record-route")
        assert routes
        assert all(route.startswith("<sips:") for route in routes)  # RFC 3261 16.6 step 4


@pytest.mark.rfc("5630", "5.3")
@EVERY
def test_where_no_phone_is_reached_by_sips_the_caller_is_told(immediate: bool) -> None:
    with Bench(setting=replace(OPEN, immediate=immediate)) as bench:
        bound(bench, "sip:bob@198.51.100.2;transport=tls")
        sent = ask(bench, "INVITE", "sips:bob@example.com", TO_ALICE)
        assert not [message for message in sent if message.uri]
        assert status_of(sent) == 480
        assert sent[-1].get("warning") == '380 example.com "SIPS Not Allowed"'
        sent = ask(bench, "INVITE", "sips:nobody@example.com", TO_ALICE)
        assert (status_of(sent), sent[-1].get("warning")) == (404, None)


@pytest.mark.rfc("5630", "5.3")
def test_sip_reaches_a_sips_contact_over_tls_and_stays_sip() -> None:
    with Bench(setting=OPEN) as bench:
        phone = bound(bench, "sips:bob@198.51.100.2")
        bench.ask("INVITE", "sip:bob@example.com")
        (sent,) = [each for each in bench.network.sent if each.message.uri]
        assert sent.flow is phone
        assert sent.message.uri == "sip:bob@198.51.100.2"
        assert not any("sips:" in route for route in sent.message.get_all("record-route"))


@pytest.mark.rfc("5630", "5.3")
@pytest.mark.parametrize(
    ("asked", "target", "sent"),
    [
        ("sips:x@example.com", "sips:bob@198.51.100.2", ("TLS", "sips:bob@198.51.100.2")),
        ("sips:x@example.com", "sip:bob@198.51.100.2", None),
        ("sips:x@example.com", "sip:bob@198.51.100.2;transport=tls", None),
        ("sip:x@example.com", "sips:bob@198.51.100.2", ("TLS", "sip:bob@198.51.100.2")),
        ("sip:x@example.com", "sip:bob@198.51.100.2", ("UDP", "sip:bob@198.51.100.2")),
    ],
)
def test_targets_of_a_program_keep_the_scheme(
    asked: str, target: str, sent: tuple[str, str] | None
) -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def route(request: Request) -> Decision:
        return await request.fork(target)

    with Bench(exchange, OPEN) as bench:
        answers = ask(bench, "INVITE", asked, TO_ALICE)
        found = [(each.flow.transport, each.message.uri) for each in bench.network.sent]
        assert [each for each in found if each[1]] == ([sent] if sent else [])
        if sent is None:
            assert status_of(answers) == 480


@pytest.mark.rfc("5630", "5.3")
@pytest.mark.parametrize(
    ("gateway", "asked", "sent"),
    [
        ("sips:198.51.100.9", "sip:331@h", ("TLS", "sip:331@198.51.100.9")),
        ("sips:198.51.100.9", "sips:331@h", ("TLS", "sips:331@198.51.100.9")),
        ("sip:198.51.100.9;transport=tls", "sips:331@h", ("TLS", "sips:331@198.51.100.9")),
        ("sip:198.51.100.9", "sips:331@h", None),
    ],
)
def test_gateways(gateway: str, asked: str, sent: tuple[str, str] | None) -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def route(request: Request) -> Decision:
        return await request.fork(exchange.gateways["carrier"])

    carrier = Gateway("carrier", gateway, "internal")
    with Bench(exchange, replace(OPEN, gateways=(carrier,))) as bench:
        answers = ask(bench, "INVITE", asked, TO_ALICE)
        found = [(each.flow.transport, each.message.uri) for each in bench.network.sent]
        assert [each for each in found if each[1]] == ([sent] if sent else [])
        if sent is None:
            assert status_of(answers) == 480


# the rules alone ----------------------------------------------------------------------------------
def test_reachable_bindings() -> None:
    one, other = binding("bob", "h", contact="SIPS:bob@h"), binding("bob", "h")
    assert reachable([one, other], secure=True) == [one]
    assert reachable([one, other], secure=False) == [one, other]


def test_the_uri_for_a_contact() -> None:
    assert contact_for("sips:a@h;x", secure=True) == "sips:a@h;x"
    assert contact_for("sips:a@h;x", secure=False) == "sip:a@h;x"
    assert contact_for("sip:a@h", secure=True) == "sip:a@h"


@pytest.mark.parametrize(
    ("own", "secure", "expected"),
    [
        ("sips:g;x=1", True, "sips:g;x=1"),
        ("sips:g:5071;x=1", False, "sip:g:5071;x=1"),
        ("sip:g;transport=tls;x=1", True, "sips:g;x=1"),
        ("sip:g;transport=tls", False, "sip:g;transport=tls"),
        ("sip:g", True, "sip:g"),
    ],
)
def test_the_uri_at_a_gateway(own: str, secure: bool, expected: str) -> None:
    assert str(gateway_uri(parse_uri(own), secure=secure)) == expected
