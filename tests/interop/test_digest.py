"""Strong digest on a real server: SHA-512-256 (RFC 8760) and the body (RFC 7616 3.4.3), with our
own commands and with a client that shares no code with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.harness.digest import offers, proof
from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.wire import Draft, Response, Wire

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(60)]

STRONG = ("SHA-512-256", "SHA-256")
PROFILES = (
    Profile("whole", ("udp", "tcp"), digest=("SHA-512-256",), qop=("auth-int",)),
    Profile("both", ("udp",), digest=STRONG, qop=("auth", "auth-int")),
)


@pytest.fixture(scope="module")
def exchange(
    tmp_path_factory: pytest.TempPathFactory, alice: Account, bob: Account
) -> Iterator[Exchange]:
    """A profile that insists on the body, and one that leaves it to the client."""
    with serving(tmp_path_factory.mktemp("strong"), Setup(PROFILES, (alice, bob))) as running:
        yield running


@pytest.mark.parametrize(
    ("profile", "transport"), [("whole", "udp"), ("whole", "tcp"), ("both", "udp")]
)
@pytest.mark.parametrize("name", ["alice", f"alice@{DOMAIN}"])
def test_our_command_logs_in(
    exchange: Exchange, alice: Account, profile: str, transport: str, name: str
) -> None:
    way = exchange.endpoints[profile].uri(transport)
    words = ["register", alice.uri, "--registrar", way, "--username", name, "--expires", "60"]
    done = exchange.offhook(*words, "--password-stdin", stdin=alice.password + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "registered for 60 s" in done.stdout
    wrong = exchange.offhook(*words, "--password-stdin", stdin="wrong\n")
    assert wrong.returncode != 0
    assert "wrong user name or password" in wrong.stdout + wrong.stderr


def asked(wire: Wire, draft: Draft) -> Response:
    """The 407 to a request without credentials."""
    answer = wire.final(draft.write(wire))
    assert answer is not None
    assert answer.status == 407
    return answer


def message(alice: Account, bob: Account, body: str) -> Draft:
    """A MESSAGE to a user who has no phone: 480 tells that it was let in."""
    return Draft("MESSAGE", bob.uri, alice.uri, body=body)


def status(wire: Wire, draft: Draft, headers: dict[str, str]) -> int:
    """What comes of it."""
    typed = {"Content-Type": "text/plain", **headers}
    answer = wire.final(draft.write(wire, typed))
    assert answer is not None
    return answer.status


@pytest.mark.rfc("7616", "3.4.3")
def test_a_body_that_was_changed_on_its_way_is_refused(
    exchange: Exchange, alice: Account, bob: Account
) -> None:
    draft = message(alice, bob, "grüße\r\n")
    with Wire(exchange.endpoints["whole"].address("udp")) as wire:
        answer = asked(wire, draft)
        (offer,) = offers(answer)
        assert (offer.algorithm, offer.qop) == ("SHA-512-256", ["auth-int"])
        right = proof(answer, offer, alice, "MESSAGE", draft.uri, body=draft.body.encode())
        assert status(wire, message(alice, bob, "Grüße\r\n"), right) == 407
        assert status(wire, draft, right) == 480
        assert status(wire, draft, right) == 407  # captured and replayed
        answer = asked(wire, draft)
        weaker = proof(answer, offers(answer)[0], alice, "MESSAGE", draft.uri)
        assert status(wire, draft, weaker) == 400


@pytest.mark.rfc("8760", "2.3")
def test_every_offer_may_be_answered_the_best_is_first(
    exchange: Exchange, alice: Account, bob: Account
) -> None:
    draft = message(alice, bob, "hello")
    with Wire(exchange.endpoints["both"].address("udp")) as wire:
        first = offers(asked(wire, draft))
        assert [offer.algorithm for offer in first] == list(STRONG)
        assert {tuple(offer.qop) for offer in first} == {("auth", "auth-int")}
        for number in range(len(STRONG)):
            for body in (None, b"hello"):
                answer = asked(wire, draft)
                offer = offers(answer)[number]
                headers = proof(answer, offer, alice, "MESSAGE", draft.uri, body=body)
                assert status(wire, draft, headers) == 480
