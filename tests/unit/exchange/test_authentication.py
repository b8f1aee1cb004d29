"""Who sent a request: nonces, waits for accounts, guessers slowed and banned."""

from __future__ import annotations

import pytest
import structlog

from offhook.exchange import Decision, Exchange, Reply, Request
from offhook.message import Message
from tests.unit.exchange.bench import (
    ALICE,
    BOB,
    STRANGER,
    Bench,
    ColdAccounts,
    Setting,
    credentials,
)

MESSAGE = ("MESSAGE", "sip:bob@example.com")


def _challenge(message: Message) -> str:
    return message.get("proxy-authenticate") or message.get("www-authenticate") or ""


@pytest.mark.rfc("3261", "22.4")
def test_the_right_password() -> None:
    with Bench() as bench:
        bench.bind("bob", BOB[0])
        (forwarded,) = bench.ask_as("alice", *MESSAGE)
        assert forwarded.is_request


def test_phones_that_call_themselves_by_their_whole_address() -> None:
    with Bench(setting=Setting(accounts=("alice",))) as bench:
        challenge = bench.ask(*MESSAGE)[-1]
        (proof,) = credentials("alice", "a-good-one", challenge, *MESSAGE)
        sent = proof[1].replace('username="alice"', 'username="alice@example.com"')
        (answer,) = bench.ask(*MESSAGE, headers=[(proof[0], sent)])
        assert answer.status == 404  # alice is known, bob is not


def test_phones_that_hash_their_whole_address() -> None:
    with Bench(setting=Setting(accounts=("alice",))) as bench:
        challenge = bench.ask(*MESSAGE)[-1]
        proof = credentials("alice@example.com", "a-good-one", challenge, *MESSAGE)
        (answer,) = bench.ask(*MESSAGE, headers=proof)
        assert answer.status == 404
        again = bench.ask(*MESSAGE)[-1]
        guess = credentials("alice@example.com", "a-bad-one", again, *MESSAGE)
        (answer,) = bench.ask(*MESSAGE, headers=guess)
        assert answer.status == 407


def test_the_same_credentials_pass_once() -> None:
    with Bench() as bench:
        challenge = bench.ask(*MESSAGE)[-1]
        proof = credentials("alice", "a-good-one", challenge, *MESSAGE)
        (first,) = bench.ask(*MESSAGE, headers=proof)
        (second,) = bench.ask(*MESSAGE, headers=proof)
        assert (first.status, second.status) == (480, 407)
        assert "stale=true" in _challenge(second)


@pytest.mark.rfc("3261", "22.4")
def test_an_old_nonce_is_stale_not_wrong() -> None:
    with Bench() as bench:
        challenge = bench.ask(*MESSAGE)[-1]
        assert "stale" not in _challenge(challenge)
        bench.advance(301)
        (answer,) = bench.prove("alice", challenge, *MESSAGE)
        assert answer.status == 407
        assert "stale=true" in _challenge(answer)
        assert len(bench.serving.bans) == 0
        (answer,) = bench.prove("alice", answer, *MESSAGE)
        assert answer.status == 480


def test_a_nonce_of_somebody_else_is_stale() -> None:
    with Bench() as bench:
        challenge = bench.ask(*MESSAGE, source=ALICE)[-1]
        (answer,) = bench.prove("alice", challenge, *MESSAGE, source=STRANGER)
        assert "stale=true" in _challenge(answer)


def test_malformed_credentials() -> None:
    with Bench() as bench:
        (answer,) = bench.ask(*MESSAGE, headers=[("Proxy-Authorization", "Digest username")])
        assert answer.status == 400
        many = [("Proxy-Authorization", f'Digest realm="{each}"') for each in range(9)]
        (answer,) = bench.ask(*MESSAGE, headers=many)
        assert answer.status == 400


def test_a_qop_that_was_not_offered() -> None:
    with Bench() as bench:
        challenge = bench.ask(*MESSAGE)[-1]
        (proof,) = credentials("alice", "a-good-one", challenge, *MESSAGE)
        header = (proof[0], proof[1].replace("qop=auth", "qop=auth-int"))
        (answer,) = bench.ask(*MESSAGE, headers=[header])
        assert (answer.status, answer.reason) == (400, "Bad Credentials")


@pytest.mark.rfc("8760", "2.3")
def test_one_challenge_for_each_algorithm() -> None:
    with Bench(setting=Setting(digest=("SHA-256", "MD5"))) as bench:
        (answer,) = bench.ask("REGISTER", "sip:example.com")
        offered = [
            value.partition("algorithm=")[2][:7] for value in answer.get_all("www-authenticate")
        ]
        assert [each.rstrip(",; ")[:3] for each in offered] == ["SHA", "MD5"]


@pytest.mark.parametrize(
    ("caller", "realm"),
    [
        ("sip:alice@example.com", "example.com"),
        ("sip:alice@example.org", "example.org"),
        ("sip:alice@192.0.2.1", "example.com"),
        ("sip:alice@elsewhere.example", "example.com"),
        ("tel:+33123", "example.com"),
    ],
)
def test_each_domain_is_its_own_realm(caller: str, realm: str) -> None:
    with Bench(setting=Setting(domains=("example.com", "example.org"))) as bench:
        (answer,) = bench.ask("MESSAGE", "sip:bob@example.com", caller=caller)
        assert f'realm="{realm}"' in _challenge(answer)


@pytest.mark.rfc("3261", "22.3")
@pytest.mark.parametrize("cold", [False, True])
def test_credentials_for_us_go_no_further(cold: bool) -> None:
    """Whoever is called could guess passwords with them, without asking us."""
    setting = Setting(store=ColdAccounts()) if cold else Setting()
    other = 'Digest username="a", realm="far.example", nonce="n", uri="sip:x", response="r"'
    with Bench(setting=setting) as bench:
        bench.bind("bob", BOB[0])
        headers = [("Proxy-Authorization", other), ("Proxy-Authorization", "Basic YTpi")]
        sent = bench.ask_as("alice", *MESSAGE, headers=headers) + bench.advance(0.1)
        (forwarded,) = [each for each in sent if each.is_request]
        assert forwarded.get_all("proxy-authorization") == [other, "Basic YTpi"]
        assert forwarded.get("call-id")


# accounts that have to be looked up ---------------------------------------------------------------
def test_the_account_is_looked_up_once_the_nonce_is_ours() -> None:
    store = ColdAccounts()
    with Bench(setting=Setting(store=store)) as bench:
        challenge = bench.ask(*MESSAGE)[-1]
        bench.prove("alice", challenge, *MESSAGE)
        assert store.asked == ["alice@example.com"]
        (answer,) = bench.advance(0.02)
        assert answer.status == 480


@pytest.mark.parametrize("source", [STRANGER, BOB])
def test_a_nonce_that_is_not_ours_costs_no_look_up(source: tuple[str, int]) -> None:
    store = ColdAccounts()
    with Bench(setting=Setting(store=store)) as bench:
        challenge = bench.ask(*MESSAGE, source=ALICE)[-1]
        (answer,) = bench.prove("alice", challenge, *MESSAGE, source=source)
        assert answer.status == 407
        assert store.asked == []


def test_a_retransmission_during_the_look_up_is_absorbed() -> None:
    store = ColdAccounts()
    with Bench(setting=Setting(store=store)) as bench:
        challenge = bench.ask("INVITE", "sip:bob@example.com")[-1]
        proof = credentials("alice", "a-good-one", challenge, "INVITE", "sip:bob@example.com")
        request = bench.request("INVITE", "sip:bob@example.com", headers=proof)
        (trying,) = bench.receive(request)
        (again,) = bench.receive(request)
        assert (trying.status, again.status) == (100, 100)
        assert store.asked == ["alice@example.com"]
        assert [each.status for each in bench.advance(0.02)] == [480]


def test_a_wrong_password_is_counted_once_with_a_look_up() -> None:
    with (
        Bench(setting=Setting(store=ColdAccounts())) as bench,
        structlog.testing.capture_logs() as logs,
    ):
        bench.ask_as("alice", *MESSAGE, password="wrong")
        (answer,) = bench.advance(0.02)
        assert answer.status == 407
        assert [log["event"] for log in logs] == ["wrong_password"]
        assert logs[0]["source"] == ALICE[0]
        assert "wrong" not in str(logs[0]["user"])


# guessers -----------------------------------------------------------------------------------------
def test_a_guesser_waits_and_is_banned() -> None:
    with Bench() as bench, structlog.testing.capture_logs() as logs:
        waits = []
        for number in range(60):
            challenge = bench.ask(*MESSAGE, source=STRANGER)
            if not challenge:
                break
            begun = bench.loop.time()
            found = bench.prove(
                "alice", challenge[-1], *MESSAGE, source=STRANGER, password=str(number)
            )
            while not found and bench.loop.time() < begun + 5:
                found = [each for each in bench.advance(0.1) if each.status >= 200]
            waits.append(round(bench.loop.time() - begun, 1) if found else -1)
        assert waits[:5] == [0, 0, 0, 0, 0]
        assert waits[6] > 0
        assert 3 < max(waits) <= 4.1
        assert waits[-1] == -1  # the guess that got the ban has no answer
        assert len(waits) < 60
        assert [log["event"] for log in logs if log["event"] != "wrong_password"] == ["banned"]
        (answer,) = bench.ask(*MESSAGE, source=ALICE)
        assert answer.status == 407  # others are not affected


def test_the_right_password_is_not_slowed() -> None:
    with Bench() as bench:
        for _ in range(10):
            bench.serving.bans.wrong(ALICE[0], 0.0)
        (answer,) = bench.ask_as("alice", *MESSAGE)
        assert answer.status == 480


@pytest.mark.parametrize("cold", [False, True])
def test_outcomes_are_counted_once(cold: bool) -> None:
    setting = Setting(store=ColdAccounts()) if cold else Setting()
    with Bench(setting=setting) as bench, structlog.testing.capture_logs():
        bench.ask_as("alice", *MESSAGE)
        bench.ask_as("alice", *MESSAGE, password="wrong")
        bench.ask_as("bob", *MESSAGE, caller="sip:alice@example.com")
        old = bench.ask(*MESSAGE)[-1]
        bench.advance(301)
        bench.prove("alice", old, *MESSAGE)
        bench.ask(*MESSAGE, headers=[("Proxy-Authorization", "Digest nonsense")])
        bench.advance(1)
        counted = bench.serving.counters
        assert (counted.authenticated, counted.challenged, counted.stale) == (1, 4, 1)
        assert (counted.wrong, counted.foreign, counted.malformed) == (1, 1, 1)


def test_what_a_banned_source_sends_is_counted() -> None:
    with Bench() as bench:
        for _ in range(30):
            bench.serving.bans.wrong(STRANGER[0], 0.0)
        for _ in range(3):
            assert bench.ask(*MESSAGE, source=STRANGER) == []
        assert bench.serving.counters.banned == 3
        assert bench.serving.counters.challenged == 0


# authentication by the program --------------------------------------------------------------------
def _asking(exchange: Exchange, seen: list[str]) -> None:
    @exchange.request("MESSAGE", "REGISTER")
    async def handler(request: Request) -> Decision:
        refusal = await request.authenticate()
        if refusal is not None:
            return refusal
        assert request.account is not None
        seen.append(request.account.aor)
        return Reply(200)


@pytest.mark.parametrize("store", [None, ColdAccounts()], ids=["cached", "cold"])
@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER"])
def test_a_program_asks_by_itself(method: str, store: ColdAccounts | None) -> None:
    seen: list[str] = []
    exchange = Exchange()
    _asking(exchange, seen)
    setting = Setting(authenticate=False, store=store) if store else Setting(authenticate=False)
    with Bench(exchange, setting) as bench:
        (challenge,) = bench.ask(method, "sip:example.com")
        assert challenge.status == (401 if method == "REGISTER" else 407)
        found = bench.prove("alice", challenge, method, "sip:example.com")
        found += bench.advance(1)
        assert [each.status for each in found] == [200]
        assert seen == ["sip:alice@example.com"]


def test_a_program_may_ask_whom_the_profile_has_asked() -> None:
    """The nonce count is used up by then; asking again would never end."""
    seen: list[str] = []
    exchange = Exchange()
    _asking(exchange, seen)
    with Bench(exchange) as bench:
        (answer,) = bench.ask_as("alice", "MESSAGE", "sip:example.com")
        assert answer.status == 200
        assert seen == ["sip:alice@example.com"]


def test_a_program_that_asks_does_not_look_up_for_forged_nonces() -> None:
    store = ColdAccounts()
    exchange = Exchange()
    _asking(exchange, [])
    with Bench(exchange, Setting(authenticate=False, store=store)) as bench:
        (challenge,) = bench.ask(*MESSAGE, source=STRANGER)
        bench.prove("alice", challenge, *MESSAGE, source=ALICE)
        bench.advance(1)
        assert store.asked == []


def test_malformed_credentials_to_a_program_that_asks() -> None:
    exchange = Exchange()
    _asking(exchange, [])
    with Bench(exchange, Setting(authenticate=False)) as bench:
        (answer,) = bench.ask(*MESSAGE, headers=[("Proxy-Authorization", "Digest username")])
        assert answer.status == 400


def test_a_guesser_waits_in_the_program_and_is_refused() -> None:
    exchange = Exchange()
    _asking(exchange, [])
    with Bench(exchange, Setting(authenticate=False)) as bench:
        for _ in range(10):
            bench.serving.bans.wrong(ALICE[0], 0.0)
        assert bench.ask_as("alice", *MESSAGE, password="wrong") == []
        (late,) = bench.advance(4)
        assert late.status == 407
        for _ in range(9):
            bench.serving.bans.wrong(ALICE[0], bench.loop.time())
        (refused,) = bench.prove("alice", late, *MESSAGE, password="wrong")
        assert refused.status == 403
