"""The built-in program: who is registered, who is reached, and what is refused, as peers see it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from offhook.exchange.builtin import ALLOW
from offhook.message import Message
from offhook.registrar import Gruus
from tests.unit.exchange.bench import ALICE, BOB, Bench, Setting
from tests.unit.recording_network import EPOCH

OPEN = Setting(authenticate=False)
WAITING = pytest.mark.parametrize("immediate", [True, False], ids=["immediate", "waiting"])


# registrations ------------------------------------------------------------------------------------
@pytest.mark.rfc("3261", "10.3")
@WAITING
def test_register_binds_and_lists(immediate: bool) -> None:
    with Bench(setting=Setting(immediate=immediate)) as bench:
        (answer,) = bench.ask_as("alice", "REGISTER", "sip:example.com")
        assert answer.status == 200
        assert answer.get("contact") == "<sip:tester@198.51.100.1:5060>;expires=3600"
        (bound,) = bench.bindings.lookup_now("sip:alice@example.com")
        assert bound.contact == "sip:tester@198.51.100.1:5060"
        assert bound.expires == EPOCH + 3600
        assert bound.flow == "udp/192.0.2.1:5060/198.51.100.1:5060"
        assert not bound.by_flow


@pytest.mark.parametrize(
    ("contact", "by_flow"),
    [("10.0.0.9", True), ("192.168.1.2", True), ("9.9.9.9", False), ("9.9.9.10", False)],
)
def test_a_phone_behind_nat_is_bound_to_its_flow(contact: str, by_flow: bool) -> None:
    with Bench(setting=OPEN) as bench:
        bench.ask(
            "REGISTER",
            "sip:example.com",
            source=("9.9.9.9", 5060),
            without=["contact"],
            headers=[("m", f"<sip:alice@{contact}:5060>")],
        )
        (bound,) = bench.bindings.lookup_now("sip:alice@example.com")
        assert bound.by_flow is by_flow


def test_register_of_a_foreign_domain() -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask(
            "REGISTER", "sip:elsewhere.example", caller="sip:alice@elsewhere.example"
        )
        assert (answer.status, answer.reason) == (404, "Domain Not Served")
        assert len(bench.bindings) == 0


def test_register_of_an_alias_binds_in_the_first_domain() -> None:
    """A phone that knows the address of the server only."""
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask("REGISTER", "sip:192.0.2.1", caller="sip:alice@192.0.2.1")
        assert answer.status == 200
        assert bench.bindings.lookup_now("sip:alice@example.com")


@pytest.mark.rfc("3261", "8.2.2.3")
def test_register_requires_what_we_lack() -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask(
            "REGISTER",
            "sip:example.com",
            headers=[("Require", "path, gruu, zero"), ("Require", "one,two")],
        )
        assert answer.status == 420
        assert answer.get_all("unsupported") == ["zero, one, two"]


def test_register_requires_what_we_have() -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask("REGISTER", "sip:example.com", headers=[("Require", "path")])
        assert answer.status == 200


def test_malformed_register_is_refused_by_its_status() -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask(
            "REGISTER", "sip:example.com", headers=[("Contact", "*"), ("Expires", "0")]
        )
        assert answer.status == 400


@pytest.mark.rfc("3261", "10.2.1")
def test_too_brief_a_registration() -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask("REGISTER", "sip:example.com", headers=[("Expires", "5")])
        assert answer.status == 423
        assert answer.get("min-expires") == "60"


# OPTIONS ------------------------------------------------------------------------------------------
@pytest.mark.rfc("3261", "11.2")
def test_options_to_the_server_needs_no_account() -> None:
    with Bench() as bench:
        (answer,) = bench.ask("OPTIONS", "sip:example.com")
        assert answer.status == 200
        assert answer.get("allow") == ALLOW[1]
        assert answer.get("accept") == "application/sdp"
        assert answer.get("supported") == "gruu, outbound, path"


def test_options_requires_what_we_lack() -> None:
    with Bench() as bench:
        (answer,) = bench.ask("OPTIONS", "sip:example.com", headers=[("Require", "100rel")])
        assert (answer.status, answer.get("unsupported")) == (420, "100rel")


@pytest.mark.rfc("3261", "11")
def test_options_to_a_user_goes_to_the_phone() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (forwarded,) = bench.ask("OPTIONS", "sip:bob@example.com")
        assert forwarded.uri == "sip:bob@198.51.100.2:5060"
        (answer,) = bench.respond(forwarded, 200)
        assert answer.status == 200


@pytest.mark.rfc("3261", "11")
def test_options_with_no_hops_left() -> None:
    """The last hop answers for itself, and passes nothing on."""
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (answer,) = bench.receive(_with_hops(bench.request("OPTIONS", "sip:example.com"), 0), ALICE)
        assert answer.status == 200
        (answer,) = bench.receive(
            _with_hops(bench.request("OPTIONS", "sip:bob@example.com"), 0), ALICE
        )
        assert answer.status == 483


@pytest.mark.rfc("3261", "16.3")
def test_no_hops_left_for_others() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        for method, status in [("MESSAGE", 483), ("INVITE", 483), ("REGISTER", 200)]:
            request = bench.request(method, "sip:bob@example.com")
            (answer,) = bench.receive(_with_hops(request, 0), ALICE)
            assert answer.status == status


def _with_hops(request: bytes, hops: int) -> bytes:
    return request.replace(b"Max-Forwards: 70", b"Max-Forwards: %d" % hops)


# calls --------------------------------------------------------------------------------------------
@WAITING
def test_call_rings_every_phone(immediate: bool) -> None:
    with Bench(setting=Setting(authenticate=False, immediate=immediate)) as bench:
        bench.bind("bob", "198.51.100.2")
        bench.bind("bob", "198.51.100.3", q=500)  # all at once, whatever their q
        sent = bench.ask("INVITE", "sip:bob@example.com")
        assert [each.uri for each in sent if each.is_request] == [
            "sip:bob@198.51.100.2:5060",
            "sip:bob@198.51.100.3:5060",
        ]
        (answer,) = [
            each
            for each in bench.respond(sent[-1], 200, ("198.51.100.3", 5060))
            if not each.is_request
        ]
        assert answer.status == 200


def test_call_to_an_alias_of_the_first_domain() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        for uri in ("sip:bob@192.0.2.1", "sip:bob@192.0.2.1:5060", "sip:bob@example.com:5060"):
            sent = bench.ask("MESSAGE", uri)
            assert [each.uri for each in sent] == ["sip:bob@198.51.100.2:5060"]


def test_a_domain_that_is_an_address_counts_with_our_ports_only() -> None:
    """Every phone on this machine has that address."""
    setting = Setting(authenticate=False, domains=("192.0.2.1",))
    with Bench(setting=setting) as bench:
        (answer,) = bench.ask(
            "REGISTER", "sip:192.0.2.1:5060", caller="sip:bob@192.0.2.1:5060", source=BOB
        )
        assert answer.status == 200
        assert bench.bindings.lookup_now("sip:bob@192.0.2.1")
        for uri, status in [
            ("sip:bob@192.0.2.1", 0),
            ("sip:bob@192.0.2.1:5060", 0),
            ("sip:bob@192.0.2.1:5070", 404),
        ]:
            (sent,) = bench.ask("MESSAGE", uri, caller="sip:someone@192.0.2.1")
            assert sent.status == status if status else sent.is_request


@WAITING
def test_nobody_there_is_told_to_who_proved_who_they_are(immediate: bool) -> None:
    with Bench(setting=Setting(immediate=immediate)) as bench:
        (known,) = bench.ask_as("alice", "MESSAGE", "sip:bob@example.com")
        (unknown,) = bench.ask_as("alice", "MESSAGE", "sip:nobody@example.com")
        assert (known.status, unknown.status) == (480, 404)


@WAITING
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE"])
def test_others_are_not_told_which_users_exist(immediate: bool, method: str) -> None:
    """Known without a phone and unknown: not one octet differs but the user and the To tag."""
    with Bench(setting=Setting(immediate=immediate)) as bench:
        answers = []
        for user in ("bob", "foo"):
            sent = bench.ask(
                method,
                f"sip:{user}@example.com",
                profile="external",
                caller="sip:guest@elsewhere.example",
                call_id="same",
                branch=f"z9hG4bK{user}",
            )
            final = sent[-1]
            assert final.status == 404
            lines = final.to_bytes().decode().replace(user, "USER").split("\r\n")
            kept = [line for line in lines if not line.startswith(("To:", "From:"))]
            answers.append((len(sent), kept))
        assert answers[0] == answers[1]


def test_the_same_challenge_for_known_and_unknown_users() -> None:
    with Bench() as bench:
        answers = []
        for user in ("alice", "mallory"):
            first = bench.ask("REGISTER", "sip:example.com", caller=f"sip:{user}@example.com")[-1]
            again = bench.prove(user, first, "REGISTER", "sip:example.com", password="a guess")[-1]
            answers.append((first.status, again.status, again.names(), len(again.to_bytes())))
        assert answers[0][:3] == answers[1][:3] == (401, 401, answers[0][2])


# open relay ---------------------------------------------------------------------------------------
FOREIGN = ["sip:bob@elsewhere.example", "sip:bob@203.0.113.9", "sip:192.0.2.77", "tel:+3312345"]


@pytest.mark.parametrize("uri", FOREIGN)
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE"])
def test_nothing_is_relayed_to_foreign_domains(uri: str, method: str) -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask(method, uri)
        assert (answer.status, answer.reason) == (404, "Domain Not Served")
        assert not bench.network.opened


def test_not_even_for_users_of_ours() -> None:
    with Bench() as bench:
        (answer,) = bench.ask_as("alice", "MESSAGE", "sip:bob@elsewhere.example")
        assert answer.status == 404


def test_a_route_of_somebody_else_is_not_followed() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (answer,) = bench.ask(
            "MESSAGE", "sip:bob@example.com", headers=[("Route", "<sip:203.0.113.9;lr>")]
        )
        assert (answer.status, answer.reason) == (403, "Relaying Denied")
        assert not bench.network.opened


@pytest.mark.parametrize(
    "route",
    ["<sip:192.0.2.1;lr>", "<sip:AAAA~BBBB@192.0.2.1:5060;lr>", "<sip:x~y@example.com;lr>"],
)
@pytest.mark.parametrize("uri", ["sip:victim@203.0.113.9", "sip:+900@carrier.example"])
def test_a_forged_to_tag_with_our_route_opens_nothing(route: str, uri: str) -> None:
    with Bench() as bench:
        (answer,) = bench.ask(
            "INVITE", uri, callee=f"<{uri}>;tag=forged", headers=[("Route", route)]
        )
        assert answer.status == 407
        assert not bench.network.opened


# what nobody serves -------------------------------------------------------------------------------
@pytest.mark.rfc("3261", "8.2.1")
def test_a_method_that_nobody_has() -> None:
    with Bench(setting=OPEN) as bench:
        for uri in ("sip:example.com", "sip:nobody@example.com", "sip:a@elsewhere.example"):
            (answer,) = bench.ask("DANCE", uri)
            assert answer.status == 405
            assert answer.get_all("allow") == [ALLOW[1]]


def test_an_unknown_method_is_for_the_phone_to_judge() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (forwarded,) = bench.ask("DANCE", "sip:bob@example.com")
        assert forwarded.method == "DANCE"


@pytest.mark.rfc("3261", "16.3")
def test_proxy_require() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        required = [("Proxy-Require", "foo, bar"), ("Proxy-Require", "baz")]
        (answer,) = bench.ask("INVITE", "sip:bob@example.com", headers=required)
        assert answer.status == 420
        assert answer.get_all("unsupported") == ["foo, bar, baz"]


def test_proxy_require_of_nothing_is_no_requirement() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        sent = bench.ask("MESSAGE", "sip:bob@example.com", headers=[("Proxy-Require", "")])
        assert sent[-1].is_request


@pytest.mark.rfc("3261", "16.3")
def test_a_scheme_that_nobody_serves() -> None:
    with Bench(setting=OPEN) as bench:
        (answer,) = bench.ask("INVITE", "http://example.com/")
        assert answer.status == 416


def test_requirements_of_the_called_phone_are_its_own() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (forwarded,) = bench.ask("MESSAGE", "sip:bob@example.com", headers=[("Require", "foo")])
        assert forwarded.get("require") == "foo"


# GRUUs --------------------------------------------------------------------------------------------
ONE, TWO = "<urn:uuid:one>", "<urn:uuid:two>"
PHONES = (("198.51.100.2", ONE), ("198.51.100.3", TWO))


def two_phones(bench: Bench) -> str:
    """bob has two phones; the temporary GRUU of the first."""
    for host, instance in PHONES:
        bound = bench.bind("bob", host, instance=instance, registered=EPOCH)
        if instance == ONE:
            temporary = Gruus(b"g" * 32).temporary(bound)
    return temporary


@pytest.mark.rfc("5627", "6.1")
@WAITING
@pytest.mark.parametrize("temporary", [True, False])
def test_a_request_to_a_gruu_reaches_that_phone_only(immediate: bool, temporary: bool) -> None:
    with Bench(setting=Setting(authenticate=False, immediate=immediate)) as bench:
        gruu = two_phones(bench)
        uri = gruu if temporary else "sip:bob@example.com;gr=urn:UUID:one"
        sent = [each for each in bench.ask("INVITE", uri) if each.method]
        assert [each.uri for each in sent] == ["sip:bob@198.51.100.2:5060"]  # no gr goes on


@pytest.mark.rfc("5627", "6.1")
@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:bob@example.com;gr=urn:uuid:three", 480),  # bob has no such phone now
        ("sip:nobody@example.com;gr=urn:uuid:one", 404),
        ("sip:bob@example.com;gr", 404),  # no token of ours
    ],
)
@WAITING
def test_a_gruu_of_nobody(immediate: bool, uri: str, status: int) -> None:
    with Bench(setting=Setting(immediate=immediate)) as bench:
        two_phones(bench)
        assert bench.ask_as("alice", "INVITE", uri)[-1].status == status


@pytest.mark.rfc("5627", "5.1")
def test_a_temporary_gruu_that_was_taken_back_is_nobodys() -> None:
    with Bench() as bench:
        gruu = two_phones(bench)
        bench.bindings.update_now(
            "sip:bob@example.com",
            lambda found: (None, [replace(each, call_id="another") for each in found]),
        )
        assert bench.ask_as("alice", "INVITE", gruu)[-1].status == 404


@pytest.mark.rfc("5627", "5.2")
def test_a_phone_gets_its_gruus_and_cannot_register_them() -> None:
    with Bench(setting=OPEN) as bench:
        contact = f'<sip:bob@198.51.100.2>;+sip.instance="{ONE}"'

        def register(value: str) -> Message:
            headers = [("m", value), ("Supported", "gruu")]
            return bench.ask(
                "REGISTER",
                "sip:example.com",
                caller="sip:bob@example.com",
                without=["contact"],
                headers=headers,
            )[-1]

        value = register(contact).get("contact") or ""
        public, temporary = re.findall(r'(?:pub|temp)-gruu="([^"]+)"', value)
        assert public == "sip:bob@example.com;gr=urn:uuid:one"
        address = "sip:bob@example.com"
        for own in (public, temporary, address, address.replace("example", "Example"), "tel:+331"):
            answer = register(f'<{own}>;+sip.instance="{ONE}"')
            assert (answer.status, answer.reason) == (403, "Contact Not Allowed"), own
        assert register("<sip:alice@example.com>").status == 200  # to another user, by all means


@pytest.mark.rfc("3261", "8.2.2.2")
def test_a_merged_register_never_reaches_a_store_that_has_to_be_waited_for() -> None:
    with Bench(setting=Setting(authenticate=False, immediate=False)) as bench:
        both = [
            bench.request("REGISTER", "sip:example.com", branch=branch, call_id="one", cseq=7)
            for branch in ("z9hG4bKone", "z9hG4bKtwo")
        ]
        tagged = [data.replace(b";tag=from2", b";tag=from1") for data in both]
        flow = bench.network.datagram(ALICE, "internal")

        def arrive() -> None:
            for data in tagged:
                bench.network.receive(flow, data)

        assert sorted(each.status for each in bench.play(arrive)) == [200, 482]
        assert len(bench.bindings.lookup_now("sip:alice@example.com")) == 1
