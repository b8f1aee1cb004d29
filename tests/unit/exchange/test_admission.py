"""What a profile lets in: who is challenged, who may say who they are, who is not heard at all."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.exchange import Decision, Exchange, Gateway, Reply, Request
from offhook.exchange.builtin import ALLOW
from tests.unit.exchange.bench import ALICE, BOB, STRANGER, Bench, Setting

OPEN = Setting(authenticate=False)
CARRIER = Gateway("carrier", "sip:203.0.113.9", "external", peers=(ip_network("203.0.113.0/24"),))
METHODS = ["INVITE", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "BYE", "UPDATE"]


# challenges ---------------------------------------------------------------------------------------
@pytest.mark.rfc("3261", "22.3")
@pytest.mark.parametrize("method", METHODS)
def test_everything_that_starts_something_is_challenged(method: str) -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        (answer,) = bench.ask(method, "sip:bob@example.com")
        assert answer.status == 407
        assert 'realm="example.com"' in (answer.get("proxy-authenticate") or "")
        assert answer.get("www-authenticate") is None


@pytest.mark.rfc("3261", "22.2")
def test_the_registrar_asks_as_a_user_agent() -> None:
    with Bench() as bench:
        (answer,) = bench.ask("REGISTER", "sip:example.com")
        assert answer.status == 401
        assert 'realm="example.com"' in (answer.get("www-authenticate") or "")
        assert answer.get("proxy-authenticate") is None


@pytest.mark.rfc("3261", "8.2.7")
def test_a_challenge_keeps_no_state() -> None:
    with Bench() as bench:
        request = bench.request("INVITE", "sip:bob@example.com")
        first = bench.receive(request, ALICE)
        assert [each.status for each in first] == [407]
        assert not bench.engine.transactions.servers
        assert bench.advance(60) == []  # no retransmissions
        (again,) = bench.receive(request, ALICE)
        assert again.get("to") == first[0].get("to")


@pytest.mark.rfc("3261", "22.1")
def test_ack_and_cancel_are_never_challenged() -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        assert bench.ask("ACK", "sip:bob@example.com") == []
        (answer,) = bench.ask("CANCEL", "sip:bob@example.com")
        assert answer.status == 481


def test_an_unknown_method_is_refused_before_the_challenge() -> None:
    with Bench() as bench:
        (answer,) = bench.ask("DANCE", "sip:bob@example.com")
        assert (answer.status, answer.get("allow")) == (405, ALLOW[1])


def test_a_method_that_the_program_has_is_challenged() -> None:
    exchange = Exchange()
    exchange.request("DANCE")(lambda _request: Reply(200))
    with Bench(exchange) as bench:
        (answer,) = bench.ask("DANCE", "sip:bob@example.com")
        assert answer.status == 407
        (answer,) = bench.ask_as("alice", "DANCE", "sip:bob@example.com")
        assert answer.status == 200


# who may register where ---------------------------------------------------------------------------
@pytest.mark.rfc("3261", "8.2.1")
def test_a_profile_that_is_no_registrar() -> None:
    with Bench() as bench:
        (answer,) = bench.ask("REGISTER", "sip:example.com", profile="external")
        assert answer.status == 405
        assert answer.get("allow") == ALLOW[1]
        assert len(bench.bindings) == 0


def test_a_program_may_serve_register_anywhere() -> None:
    exchange = Exchange()
    exchange.request("REGISTER")(lambda _request: Reply(302))
    with Bench(exchange) as bench:
        (answer,) = bench.ask(
            "REGISTER",
            "sip:elsewhere.example",
            profile="external",
            caller="sip:x@elsewhere.example",
        )
        assert answer.status == 302


# identities ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "caller",
    [
        "sip:bob@example.com",
        "sip:nobody@example.com",
        "sips:bob@example.com",
        "sip:bob@EXAMPLE.com:5060;x=y",
        "sip:bob@192.0.2.1",
        "sip:bob@192.0.2.1:5080",
    ],
)
@pytest.mark.parametrize("peers", [(), (CARRIER,)], ids=["stranger", "peer of a gateway"])
def test_strangers_may_not_be_one_of_us(caller: str, peers: tuple[Gateway, ...]) -> None:
    with Bench(setting=Setting(gateways=peers)) as bench:
        bench.bind("bob", BOB[0])
        (answer,) = bench.ask(
            "MESSAGE", "sip:bob@example.com", profile="external", source=STRANGER, caller=caller
        )
        assert (answer.status, answer.reason) == (403, "Identity Not Verified")


@pytest.mark.parametrize("caller", ["sip:x@elsewhere.example", "tel:+33123", "sip:bob@192.0.2.2"])
def test_strangers_reach_our_users_as_themselves(caller: str) -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        (forwarded,) = bench.ask(
            "MESSAGE", "sip:bob@example.com", profile="external", source=STRANGER, caller=caller
        )
        assert forwarded.uri == "sip:bob@198.51.100.2:5060"


def test_an_account_speaks_for_itself_only() -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        for caller in ("sip:bob@example.com", "sip:alice@elsewhere.example", "tel:+331"):
            (answer,) = bench.ask_as("alice", "MESSAGE", "sip:bob@example.com", caller=caller)
            assert answer.status == 403, caller


def test_an_account_registers_itself_only() -> None:
    with Bench() as bench:
        (answer,) = bench.ask_as(
            "alice", "REGISTER", "sip:example.com", caller="sip:bob@example.com"
        )
        assert (answer.status, answer.reason) == (403, "Identity Is Not the Account's")
        assert len(bench.bindings) == 0


def test_the_address_of_the_server_is_the_first_domain() -> None:
    with Bench() as bench:
        (answer,) = bench.ask_as("alice", "REGISTER", "sip:192.0.2.1", caller="sip:alice@192.0.2.1")
        assert answer.status == 200


def test_in_an_open_exchange_everybody_is_believed() -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        (forwarded,) = bench.ask("MESSAGE", "sip:bob@example.com", caller="sip:carol@example.com")
        assert forwarded.is_request


# gateways -----------------------------------------------------------------------------------------
def _seen(exchange: Exchange) -> list[tuple[str, str]]:
    """The gateway and the account of each request that a handler gets."""
    seen: list[tuple[str, str]] = []

    @exchange.request("INVITE")
    def invite(request: Request) -> Decision:
        gateway, account = request.gateway, request.account
        seen.append((gateway.name if gateway else "", account.user if account else ""))
        return Reply(486)

    return seen


def test_a_peer_of_a_gateway_is_not_challenged() -> None:
    exchange = Exchange()
    seen = _seen(exchange)
    with Bench(exchange, Setting(gateways=(CARRIER,))) as bench:
        caller = "sip:+331@carrier.example"
        bench.ask("INVITE", "sip:bob@example.com", source=STRANGER, caller=caller)
        bench.ask("INVITE", "sip:bob@example.com", source=ALICE, caller=caller)
        bench.ask_as("alice", "INVITE", "sip:bob@example.com")
        assert seen == [("carrier", ""), ("", "alice")]


def test_a_peer_of_a_gateway_reaches_no_foreign_domain() -> None:
    with Bench(setting=Setting(gateways=(CARRIER,))) as bench:
        (answer,) = bench.ask(
            "INVITE", "sip:x@elsewhere.example", source=STRANGER, caller="sip:1@carrier.example"
        )
        assert answer.status == 404


def test_a_peer_of_a_gateway_registers_nobody() -> None:
    """Its address can be forged, and whoever registers gets the calls."""
    with Bench(setting=Setting(gateways=(CARRIER,))) as bench:
        (answer,) = bench.ask(
            "REGISTER",
            "sip:example.com",
            source=STRANGER,
            caller="sip:evil@carrier.example",
            callee="<sip:bob@example.com>",
        )
        assert answer.status == 401
        assert len(bench.bindings) == 0


# guessers -----------------------------------------------------------------------------------------
def test_a_banned_source_is_not_heard() -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        for _ in range(21):
            bench.serving.bans.wrong(STRANGER[0], 0.0)
        for profile in ("internal", "external"):
            for method in ("OPTIONS", "REGISTER", "INVITE"):
                caller = "sip:x@elsewhere.example"
                assert (
                    bench.ask(
                        method,
                        "sip:bob@example.com",
                        source=STRANGER,
                        caller=caller,
                        profile=profile,
                    )
                    == []
                )
        assert not bench.engine.transactions.servers
        bench.advance(601)
        assert bench.ask("OPTIONS", "sip:example.com", source=STRANGER)[0].status == 200


def test_proxy_require_comes_before_the_challenge() -> None:
    with Bench() as bench:
        (answer,) = bench.ask(
            "INVITE", "sip:bob@example.com", headers=[("Proxy-Require", "privacy")]
        )
        assert (answer.status, answer.get("unsupported")) == (420, "privacy")


def test_a_request_of_a_dialog_that_we_routed_is_not_challenged() -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        forwarded = bench.ask_as("alice", "INVITE", "sip:bob@example.com", call_id="dialog")
        invite = next(each for each in forwarded if each.is_request)
        answers = bench.respond(invite, 200, headers=[("Contact", "<sip:bob@198.51.100.2>")])
        answer = next(each for each in answers if not each.is_request)
        tags = {"caller": answer.get("from"), "callee": answer.get("to")}
        bye = bench.request(
            "BYE",
            "sip:bob@198.51.100.2",
            call_id="dialog",
            callee=tags["callee"] or "",
            headers=[("Route", answer.get("record-route") or "")],
        )
        bye = bye.replace(
            bye.split(b"From: ")[1].split(b"\r\n")[0], (tags["caller"] or "").encode()
        )
        (sent,) = bench.receive(bye, ALICE)
        assert (sent.method, sent.uri) == ("BYE", "sip:bob@198.51.100.2")
