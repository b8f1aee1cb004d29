"""A client's answers to challenges."""

from dataclasses import dataclass, field

import pytest

from offhook.auth.algorithms import ALGORITHMS
from offhook.auth.client import DigestClient, Learned
from offhook.auth.digest import Challenge, Credentials, parse_credentials, verify

Headers = list[tuple[str, str]]


@dataclass
class Refusal:
    status: int
    values: list[str] = field(default_factory=list)

    def get_all(self, name: str) -> list[str]:
        wanted = "www-authenticate" if self.status == 401 else "proxy-authenticate"
        return self.values if name == wanted else []


def refusal(nonce: str = "n1", *, stale: bool = False, status: int = 401) -> Refusal:
    return Refusal(status, [str(Challenge("r", nonce, "MD5", ("auth",), stale))])


def sent_by(client: DigestClient) -> Headers:
    return client.headers("REGISTER", "sip:r", cnonce="abc")


def credentials_in(headers: Headers) -> Credentials:
    credentials = parse_credentials(headers[0][1])
    assert credentials is not None
    return credentials


def test_nothing_is_sent_before_a_challenge() -> None:
    assert sent_by(DigestClient("alice", "secret")) == []


def test_a_challenge_is_answered_and_its_nonce_used_again_with_a_rising_count() -> None:
    client = DigestClient("alice", "secret")
    assert client.learn(refusal(), ()) is Learned.RETRY
    ha1 = ALGORITHMS["MD5"].ha1("alice", "r", "secret")
    for count in (1, 2, 3):
        headers = sent_by(client)
        assert headers[0][0] == "Authorization"
        credentials = credentials_in(headers)
        assert credentials.nc == count
        assert verify(credentials, ha1=ha1, method="REGISTER")


def test_a_proxy_and_a_server_are_answered_side_by_side() -> None:
    client = DigestClient("alice", "secret")
    client.learn(refusal("p", status=407), ())
    client.learn(refusal("s"), sent_by(client))
    assert [name for name, _ in sent_by(client)] == ["Proxy-Authorization", "Authorization"]


def test_the_strongest_known_algorithm_is_taken() -> None:
    client = DigestClient("alice", "secret")
    values = [
        str(Challenge("r", "n", algorithm, ("auth",)))
        for algorithm in ("MD5", "UNKNOWN", "SHA-256", "MD5-sess")
    ]
    assert client.learn(Refusal(401, ["Basic x", "Digest ,", *values]), ()) is Learned.RETRY
    assert credentials_in(sent_by(client)).algorithm == "SHA-256"
    old = DigestClient("alice", "secret", algorithms=("MD5",))
    assert old.learn(Refusal(401, values), ()) is Learned.RETRY
    assert credentials_in(sent_by(old)).algorithm == "MD5"


def test_only_the_configured_realm_is_answered() -> None:
    client = DigestClient("alice", "secret", realm="carrier.example")
    assert client.learn(refusal(), ()) is Learned.UNANSWERABLE
    assert sent_by(client) == []


@pytest.mark.parametrize(
    "received",
    [
        Refusal(401),
        Refusal(403, ['Digest realm="r", nonce="n"']),
        Refusal(401, ['Digest realm="r", nonce="n", algorithm=TOKEN']),
        Refusal(401, ['Digest realm="r", nonce="n", qop="token"']),
        Refusal(401, ["Basic realm=r"]),
    ],
)
def test_what_cannot_be_answered_is_told(received: Refusal) -> None:
    assert DigestClient("a", "b").learn(received, ()) is Learned.UNANSWERABLE


def test_a_challenge_without_qop_gets_an_answer_without_count() -> None:
    client = DigestClient("alice", "secret")
    client.learn(Refusal(401, ['Digest realm="r", nonce="n", opaque="o"']), ())
    value = sent_by(client)[0][1]
    assert "cnonce" not in value  # RFC 3261 22.4 item 8
    assert 'opaque="o"' in value


def test_auth_int_is_used_when_nothing_else_is_offered() -> None:
    client = DigestClient("alice", "secret")
    client.learn(Refusal(401, ['Digest realm="r", nonce="n", qop="auth-int"']), ())
    headers = client.headers("MESSAGE", "sip:r", cnonce="c", body=b"hello")
    ha1 = ALGORITHMS["MD5"].ha1("alice", "r", "secret")
    assert verify(credentials_in(headers), ha1=ha1, method="MESSAGE", body=b"hello")


@pytest.mark.rfc("3261", "22.1")
@pytest.mark.parametrize("nonce", ["n1", "n2"])
def test_a_refused_answer_is_not_tried_again(nonce: str) -> None:
    client = DigestClient("alice", "wrong")
    client.learn(refusal("n1"), ())
    assert client.learn(refusal(nonce), sent_by(client)) is Learned.WRONG
    assert sent_by(client) == []


def test_a_stale_nonce_is_replaced() -> None:
    client = DigestClient("alice", "secret")
    client.learn(refusal("n1"), ())
    assert client.learn(refusal("n2", stale=True), sent_by(client)) is Learned.RETRY
    assert credentials_in(sent_by(client)).nonce == "n2"


def test_a_server_that_calls_every_answer_stale_ends_in_wrong() -> None:
    client = DigestClient("alice", "secret")
    learned = client.learn(refusal("n0"), ())
    rounds = 0
    while learned is Learned.RETRY:
        rounds += 1
        learned = client.learn(refusal(f"n{rounds}", stale=True), sent_by(client))
    assert learned is Learned.WRONG
    assert rounds == 3


def test_stale_with_the_same_nonce_is_a_loop() -> None:
    client = DigestClient("alice", "secret")
    client.learn(refusal("n1"), ())
    assert client.learn(refusal("n1", stale=True), sent_by(client)) is Learned.WRONG


def test_an_old_nonce_replaced_without_a_word_is_answered_once_more() -> None:
    client = DigestClient("alice", "secret")
    client.learn(refusal("n1"), ())
    sent_by(client)  # accepted
    second = sent_by(client)
    assert client.learn(refusal("n2"), second) is Learned.RETRY
    assert client.learn(refusal("n3"), sent_by(client)) is Learned.WRONG


def test_two_requests_in_flight_may_both_be_challenged() -> None:
    client = DigestClient("alice", "secret")
    assert client.learn(refusal("n1"), ()) is Learned.RETRY
    assert client.learn(refusal("n2"), ()) is Learned.RETRY


def test_the_password_is_never_shown() -> None:
    client = DigestClient("alice", "topsecret")
    client.learn(refusal(), ())
    assert "topsecret" not in repr(client)
    assert "topsecret" not in str(sent_by(client))


@dataclass
class Merged:
    """What a proxy makes of the refusals of several branches."""

    server: list[str]
    proxy: list[str]
    status: int = 401

    def get_all(self, name: str) -> list[str]:
        return {"www-authenticate": self.server, "proxy-authenticate": self.proxy}[name]


@pytest.mark.rfc("3261", "22.3")
def test_challenges_of_both_kinds_in_one_response_are_answered_together() -> None:
    client = DigestClient("alice", "secret")
    server, proxy = (str(Challenge("r", nonce, "MD5", ("auth",))) for nonce in ("s", "p"))
    assert client.learn(Merged([server], [proxy]), ()) is Learned.RETRY
    sent = sent_by(client)
    assert [name for name, _ in sent] == ["Authorization", "Proxy-Authorization"]
    assert client.learn(Merged([server], []), sent) is Learned.WRONG
    again = str(Challenge("r", "p2", "MD5", ("auth",), stale=True))
    other = DigestClient("alice", "secret")
    other.learn(Merged([server], [proxy]), ())
    assert other.learn(Merged([], [again], 407), sent_by(other)) is Learned.RETRY
