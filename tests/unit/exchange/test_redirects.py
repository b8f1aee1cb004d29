"""Which redirections are followed, and by whose decision (RFC 3261 16.7 step 4)."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.exchange import Decision, Exchange, Gateway, Request
from offhook.exchange.redirects import followed
from offhook.message import Message, Uri
from offhook.proxy.target import Target
from tests.unit.exchange.bench import BOB, CAROL, Bench, Setting

CARRIER = Gateway(
    "carrier", "sip:sip.carrier.example", "internal", peers=(ip_network("203.0.113.0/24"),)
)
TO_BOB = "sip:bob@example.com"
CAROLS = "sip:carol@198.51.100.3:5060"


def setting(*, redirect: bool = True) -> Setting:
    return Setting(
        authenticate=False,
        accounts=("alice", "bob", "carol"),
        gateways=(CARRIER,),
        redirect=redirect,
    )


def moved(bench: Bench, *contacts: str, status: int = 302) -> list[Message]:
    """Bob is called and answers a 3xx: what comes of it."""
    bench.bind("bob", BOB[0])
    bench.bind("carol", CAROL[0])
    invite = next(each for each in bench.ask("INVITE", TO_BOB) if each.is_request)
    sent = bench.respond(invite, status, headers=[("Contact", each) for each in contacts])
    return [each for each in sent if each.method != "ACK"]


def program(answer: object) -> Exchange:
    """Forks to the phones, and follows where `answer` says."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        phones = await exchange.location.lookup(request.uri)
        return await request.fork(phones, redirect=answer)  # type: ignore[arg-type]  # on purpose

    return exchange


def test_the_default_is_to_pass_it_up() -> None:
    with Bench(setting=setting(redirect=False)) as bench:
        (answer,) = moved(bench, "<sip:carol@example.com>")
        assert (answer.status, answer.get("contact")) == (302, "<sip:carol@example.com>")


@pytest.mark.rfc("3261", "16.7")
def test_a_profile_follows_to_users_of_ours() -> None:
    with Bench(setting=setting()) as bench:
        (invite,) = moved(bench, "<sip:carol@example.com>;expires=60")
        assert (invite.method, invite.uri) == ("INVITE", CAROLS)
        (ringing,) = bench.respond(invite, 180, CAROL)
        assert ringing.status == 180
        (answer,) = bench.respond(invite, 200, CAROL)
        assert answer.status == 200


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:carol@elsewhere.example>",
        "<sip:carol@198.51.100.3:5060>",  # an address proves nothing
        "<sip:+331@sip.carrier.example>",
        "<sip:+331@203.0.113.5>",
        "<tel:+331>",
        "<mailto:carol@example.com>",
        "<sip:nobody@example.com>",
    ],
)
def test_a_profile_follows_nowhere_else(contact: str) -> None:
    with Bench(setting=setting()) as bench:
        (answer,) = moved(bench, contact)
        assert (answer.status, answer.get("contact")) == (302, contact)


def test_what_is_not_followed_is_told_the_caller_if_nobody_answers() -> None:
    with Bench(setting=setting()) as bench:
        (invite,) = moved(bench, "<sip:carol@example.com>", "<sip:bob@elsewhere.example>")
        *_, answer = bench.respond(invite, 486, CAROL)
        assert (answer.status, answer.get_all("contact")) == (302, ["<sip:bob@elsewhere.example>"])


def test_a_program_decides_by_contact() -> None:
    seen: list[str] = []

    def allow(uri: Uri) -> Uri | None:
        seen.append(uri.text)
        return uri if uri.host == "198.51.100.3" else None

    with Bench(program(allow), setting(redirect=False)) as bench:
        sent = moved(bench, "<sip:carol@198.51.100.3:5060>", "<sip:x@elsewhere.example>;q=0.1")
        assert [each.uri for each in sent if each.method == "INVITE"] == [CAROLS]
        assert seen == ["sip:carol@198.51.100.3:5060", "sip:x@elsewhere.example"]


def test_a_program_may_say_users_of_ours_or_nobody() -> None:
    with Bench(program(True), setting(redirect=False)) as bench:
        assert moved(bench, "<sip:carol@example.com>")[-1].uri == CAROLS
    with Bench(program(False), setting(redirect=True)) as bench:
        assert moved(bench, "<sip:carol@example.com>")[-1].status == 302
    with Bench(program(lambda uri: uri), setting(redirect=False)) as bench:
        assert moved(bench, "<sip:carol@example.com>")[-1].uri == CAROLS  # looked up


@pytest.mark.parametrize(
    "contact",
    ["<sip:+900@sip.carrier.example>", "<sip:+900@203.0.113.5>", "<sip:+900@x;maddr=203.0.113.5>"],
)
def test_no_contact_leads_to_a_gateway_by_its_address(contact: str) -> None:
    with Bench(program(lambda uri: uri), setting()) as bench:
        assert moved(bench, contact)[-1].status == 302


@pytest.mark.parametrize("contact", ["<sip:+331@anywhere.example>", "<tel:+331>"])
def test_a_program_that_means_the_gateway_returns_it(contact: str) -> None:
    with Bench(program(lambda _uri: CARRIER), setting()) as bench:
        bench.network.names = {"sip.carrier.example": ["203.0.113.5"]}
        sent = moved(bench, contact)
        assert [each.uri for each in sent if each.method == "INVITE"] == [
            "sip:+331@sip.carrier.example"
        ]


@pytest.mark.parametrize("answer", ["sip:", 1 / 2, "http://x"])
def test_what_a_program_gets_wrong_costs_that_contact(answer: object) -> None:
    with Bench(program(lambda _uri: answer), setting()) as bench:
        assert moved(bench, "<sip:carol@example.com>")[-1].status == 302


def test_a_store_that_has_to_be_waited_for_follows_nobody() -> None:
    slow = setting()
    slow.immediate = False
    with Bench(setting=slow) as bench:
        assert moved(bench, "<sip:carol@example.com>")[-1].status == 302


@pytest.mark.rfc("5627", "6.1")
def test_a_contact_that_is_a_gruu_is_one_phone() -> None:
    with Bench(setting=setting()) as bench:
        bench.bind("carol", "198.51.100.4", instance="<urn:uuid:desk>")
        bench.bind("carol", "198.51.100.5", instance="<urn:uuid:cell>")
        sent = moved(bench, "<sip:carol@example.com;gr=urn:uuid:cell>")
        assert [each.uri for each in sent if each.is_request] == ["sip:carol@198.51.100.5:5060"]


@pytest.mark.rfc("5630", "5.3")
def test_a_sips_contact_is_a_phone_with_a_sips_contact() -> None:
    with Bench(setting=setting()) as bench:
        bench.bind("carol", CAROL[0])
        bench.bind("carol", "198.51.100.4", contact="sips:carol@198.51.100.4", by_flow=True)
        redirects = followed(bench.serving, "sips:bob@example.com", True, "call")
        assert redirects is not None
        found: list[Target] = []
        bench.play(lambda: found.extend(redirects.follow("sips:carol@example.com")))
        assert [each.uri for each in found] == ["sips:carol@198.51.100.4"]
