"""What received credentials are worth, and what is answered."""

from dataclasses import dataclass, field

import pytest

from offhook.auth.algorithms import ha1_of_all
from offhook.auth.client import DigestClient, Learned
from offhook.auth.digest import parse_challenge
from offhook.auth.nonces import NonceRegistry
from offhook.auth.server import DigestGuard, Outcome, Verdict, challenge, credentials_for
from offhook.errors import ChallengeError

NOW = 1_800_000_000.0
HERE = "192.0.2.1"
REALM = "example.com"
HA1 = ha1_of_all("alice", REALM, "secret")


@dataclass
class Request:
    method: str = "REGISTER"
    uri: str = "sip:example.com"
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


@dataclass
class Unauthorized:
    values: list[str]
    status: int = 401

    def get_all(self, name: str) -> list[str]:
        return self.values if name == "www-authenticate" else []


def guard(
    *algorithms: str, allow_without_qop: bool = True, qop: tuple[str, ...] = ("auth",)
) -> DigestGuard:
    return DigestGuard(
        NonceRegistry(b"k" * 16),
        algorithms=algorithms or ("MD5",),
        qop=qop,
        allow_without_qop=allow_without_qop,
    )


def answer(
    to: DigestGuard, *, user: str = "alice", password: str = "secret", body: bytes = b""
) -> Request:
    client = DigestClient(user, password)
    values = to.challenge(REALM, source=HERE, now=NOW)
    assert client.learn(Unauthorized(values), ()) is Learned.RETRY
    proof = client.headers("REGISTER", "sip:example.com", cnonce="c", body=body)
    return Request(headers=proof, body=body)


def judge(by: DigestGuard, request: Request, *, source: str = HERE, now: float = NOW) -> Outcome:
    credentials = credentials_for(request, proxy=False, realm=REALM)
    return by.check(credentials, HA1, message=request, source=source, now=now)


@pytest.mark.rfc("3261", "22.4")
def test_challenges_name_every_algorithm_once_in_order_and_always_qop() -> None:
    values = challenge(REALM, ["SHA-256", "MD5"], "n")
    assert values == [
        'Digest realm="example.com", nonce="n", algorithm=SHA-256, qop="auth"',
        'Digest realm="example.com", nonce="n", algorithm=MD5, qop="auth"',
    ]
    assert challenge(REALM, ["MD5"], "n", stale=True)[0].endswith(", stale=true")


@pytest.mark.rfc("8760", "2.3")
@pytest.mark.parametrize(
    "algorithms",
    [("MD5",), ("SHA-256", "MD5"), ("SHA-256",), ("SHA-512-256", "MD5"), ("SHA-512-256",)],
)
def test_right_credentials_pass_once(algorithms: tuple[str, ...]) -> None:
    door = guard(*algorithms)
    request = answer(door)
    assert judge(door, request) == Outcome(Verdict.OK, "alice")
    assert judge(door, request) == Outcome(Verdict.STALE, "alice")  # captured and replayed


def test_no_credentials_or_those_of_another_realm_are_missing() -> None:
    door = guard()
    assert judge(door, Request()).verdict is Verdict.MISSING
    request = answer(door)
    assert credentials_for(request, proxy=True, realm=REALM) is None
    assert credentials_for(request, proxy=False, realm="example.org") is None


def test_a_wrong_password_is_wrong_and_may_be_tried_again_with_the_right_one() -> None:
    door = guard()
    assert judge(door, answer(door, password="guess")) == Outcome(Verdict.WRONG, "alice")
    assert judge(door, answer(door)).verdict is Verdict.OK


def test_an_unknown_user_gets_the_verdict_of_a_wrong_password() -> None:
    door = guard()
    request = answer(door)
    credentials = credentials_for(request, proxy=False, realm=REALM)
    outcome = door.check(credentials, None, message=request, source=HERE, now=NOW)
    assert outcome == Outcome(Verdict.WRONG, "alice")


def test_an_account_without_the_algorithm_cannot_pass_even_with_the_stand_in() -> None:
    door = guard("SHA-256")
    request = answer(door)
    credentials = credentials_for(request, proxy=False, realm=REALM)
    outcome = door.check(credentials, {"MD5": HA1["MD5"]}, message=request, source=HERE, now=NOW)
    assert outcome.verdict is Verdict.WRONG


@pytest.mark.parametrize(("source", "now"), [("192.0.2.9", NOW), (HERE, NOW + 1000)])
def test_another_source_or_a_late_answer_is_stale_even_with_a_wrong_password(
    source: str, now: float
) -> None:
    door = guard()
    assert judge(door, answer(door), source=source, now=now).verdict is Verdict.STALE
    wrong = answer(door, password="guess")
    assert judge(door, wrong, source=source, now=now).verdict is Verdict.STALE


def test_an_algorithm_that_was_not_offered_is_challenged_anew() -> None:
    weak = guard("MD5")
    request = answer(weak)
    assert judge(guard("SHA-256"), request).verdict is Verdict.MISSING


def test_the_form_without_qop_passes_by_policy_only() -> None:
    for allowed, verdict in ((True, Verdict.OK), (False, Verdict.MALFORMED)):
        door = guard(allow_without_qop=allowed)
        client = DigestClient("alice", "secret")
        value = door.challenge(REALM, source=HERE, now=NOW)[0].replace(', qop="auth"', "")
        client.learn(Unauthorized([value]), ())
        request = Request(headers=client.headers("REGISTER", "sip:example.com", cnonce="c"))
        assert "nc=" not in request.headers[0][1]
        assert judge(door, request).verdict is verdict


def test_a_qop_that_was_not_offered_is_malformed() -> None:
    door = guard()
    request = answer(door)
    name, value = request.headers[0]
    request.headers[0] = (name, value.replace("qop=auth", "qop=auth-int"))
    assert judge(door, request).verdict is Verdict.MALFORMED


@pytest.mark.rfc("7616", "3.4.3")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_auth_int_covers_the_body_as_received(algorithm: str) -> None:
    door = guard(algorithm, qop=("auth-int",))
    assert 'qop="auth-int"' in door.challenge(REALM, source=HERE, now=NOW)[0]
    body = "grüß\r\n".encode()
    good = answer(door, body=body)
    assert "qop=auth-int" in good.headers[0][1]
    assert judge(door, good) == Outcome(Verdict.OK, "alice")
    changed = answer(door, body=body)
    changed.body = body.replace(b"\r\n", b"\n")
    assert judge(door, changed) == Outcome(Verdict.WRONG, "alice")


def test_a_server_that_offers_both_takes_both() -> None:
    door = guard(qop=("auth-int", "auth"))
    offered = door.challenge(REALM, source=HERE, now=NOW)[0]
    assert 'qop="auth,auth-int"' in offered
    assert judge(door, answer(door, body=b"x")).verdict is Verdict.OK  # by "auth"
    client = DigestClient("alice", "secret")
    client.learn(Unauthorized([offered.replace("auth,", "")]), ())
    proof = client.headers("REGISTER", "sip:example.com", cnonce="c", body=b"x")
    assert judge(door, Request(headers=proof, body=b"x")).verdict is Verdict.OK


def test_who_asks_for_auth_int_alone_takes_nothing_less() -> None:
    door = guard(qop=("auth-int",))
    client = DigestClient("alice", "secret")
    value = door.challenge(REALM, source=HERE, now=NOW)[0]
    for weaker in (value.replace("auth-int", "auth"), value.replace(', qop="auth-int"', "")):
        client.learn(Unauthorized([weaker]), ())
        proof = client.headers("REGISTER", "sip:example.com", cnonce="c")
        assert judge(door, Request(headers=proof)).verdict is Verdict.MALFORMED


def test_a_phone_may_log_in_by_its_whole_address() -> None:
    door = guard("SHA-256")
    name = f"alice@{REALM}"
    assert judge(door, answer(door, user=name)) == Outcome(Verdict.OK, name)
    wrong = answer(door, user=name, password="guess")
    assert judge(door, wrong) == Outcome(Verdict.WRONG, name)
    foreign = answer(door, user="alice@example.org")
    assert judge(door, foreign) == Outcome(Verdict.WRONG, "alice@example.org")


@pytest.mark.rfc("3261", "22.4")
def test_a_digest_uri_that_differs_is_a_warning() -> None:
    door = guard()
    request = answer(door)
    request.uri = "sip:example.com;transport=udp"
    assert judge(door, request) == Outcome(Verdict.OK, "alice", uri_differs=True)


@pytest.mark.rfc("3261", "22.3")
def test_credentials_for_others_are_passed_over_even_if_malformed() -> None:
    door = guard()
    request = answer(door)
    request.headers.insert(0, ("Authorization", "Digest broken"))
    request.headers.insert(0, ("Authorization", "Basic YTpi"))
    assert judge(door, request).verdict is Verdict.OK


def test_only_malformed_credentials_are_a_400() -> None:
    with pytest.raises(ChallengeError):
        credentials_for(Request(headers=[("Authorization", "Digest x")]), proxy=False, realm=REALM)
    many = [("Authorization", "Digest x")] * 9
    with pytest.raises(ChallengeError):
        credentials_for(Request(headers=many), proxy=False, realm=REALM)


def test_credentials_of_an_unknown_scheme_are_challenged_anew() -> None:
    request = Request(headers=[("Authorization", "NoOneKnowsThisScheme opaque-data=here")])
    assert judge(guard(), request).verdict is Verdict.MISSING


def test_stale_is_told_in_the_challenge() -> None:
    value = guard().challenge(REALM, source=HERE, now=NOW, stale=True)[0]
    read = parse_challenge(value)
    assert read is not None
    assert read.stale
