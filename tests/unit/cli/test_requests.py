"""Targets as people type them, and requests with credentials."""

from __future__ import annotations

import pytest

from offhook.auth import DigestClient
from offhook.cli.link import NoAnswerError
from offhook.cli.requests import Sender, parse_target, with_transport
from offhook.errors import UsageError
from tests.unit.cli.fake_link import FakeLink

CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n{n}", algorithm=MD5, qop="auth"\n'


def response(status: int, more: str = "") -> list[tuple[float, str, str]]:
    text = (
        f"SIP/2.0 {status} X\nVia: SIP/2.0/UDP 192.0.2.1:5555;branch={{branch}}\n"
        "From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: {cseq} REGISTER\n"
        f"{more}Content-Length: 0\n\n"
    )
    return [(0.1, text, "")]


def sender(link: FakeLink, password: str | None) -> Sender:
    digest = DigestClient("alice", password) if password else None
    return Sender(link, link.flow, "sip:alice@b", 5.0, digest)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("192.0.2.1", "sip:192.0.2.1"),
        ("alice@example.com:5070", "sip:alice@example.com:5070"),
        ("SIPS:a@b", "SIPS:a@b"),
    ],
)
def test_the_scheme_may_be_missing(text: str, uri: str) -> None:
    assert parse_target(text).text == uri


@pytest.mark.parametrize("text", ["", "sip:", "tel:+331", "a b", "sip:h:99999", "http://x"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UsageError, match="is not a SIP URI"):
        parse_target(text)


def test_transports() -> None:
    uri = parse_target("sip:a@b;transport=tcp;x=y")
    assert with_transport(uri, None) is uri
    assert with_transport(uri, "TLS").text == "sip:a@b;transport=tls;x=y"
    assert with_transport(parse_target("a@b"), "tcp").text == "sip:a@b;transport=tcp"
    with pytest.raises(UsageError, match="use udp, tcp, tls"):
        with_transport(uri, "ws")


async def test_a_request_has_what_it_must_have() -> None:
    link = FakeLink(response(200))
    await sender(link, None).send("REGISTER", "sip:b", "sip:alice@b", [("Expires", "60")])
    (request,) = link.requests
    core = request.core()
    assert (request.method, request.uri, core.cseq, core.max_forwards) == (
        "REGISTER",
        "sip:b",
        1,
        70,
    )
    assert core.branch.startswith("z9hG4bK")
    assert core.rport
    assert core.from_tag
    assert not core.to_tag
    assert request.get("expires") == "60"
    assert request.get("user-agent")


@pytest.mark.rfc("3261", "22.2")
async def test_a_challenge_is_answered_with_the_next_cseq() -> None:
    link = FakeLink(response(401, CHALLENGE), response(200))
    answer = await sender(link, "secret").send("REGISTER", "sip:b", "sip:alice@b")
    assert answer.response.status == 200
    first, second = link.requests
    assert first.get("authorization") is None
    credentials = second.get("authorization") or ""
    assert 'username="alice"' in credentials
    assert 'uri="sip:b"' in credentials
    assert "secret" not in credentials
    assert (first.core().cseq, second.core().cseq) == (1, 2)
    assert first.core().call_id == second.core().call_id
    assert first.core().branch != second.core().branch


async def test_a_wrong_password_is_told() -> None:
    link = FakeLink(response(401, CHALLENGE), response(401, CHALLENGE))
    with pytest.raises(NoAnswerError, match="wrong user name or password"):
        await sender(link, "wrong").send("REGISTER", "sip:b", "sip:alice@b")


async def test_without_a_password_the_challenge_is_the_answer() -> None:
    link = FakeLink(response(401, CHALLENGE))
    answer = await sender(link, None).send("REGISTER", "sip:b", "sip:alice@b")
    assert answer.response.status == 401


async def test_a_challenge_that_cannot_be_answered_is_the_answer() -> None:
    link = FakeLink(response(401, 'WWW-Authenticate: Bearer realm="r"\n'))
    answer = await sender(link, "x").send("REGISTER", "sip:b", "sip:alice@b")
    assert answer.response.status == 401


async def test_a_server_that_never_has_enough() -> None:
    rounds = []
    for number in range(9):
        stale = CHALLENGE.replace("{n}", str(number)).replace("Digest ", "Digest stale=true, ")
        proxy = stale.replace("WWW-", "Proxy-")
        rounds.append(response(407 if number % 2 else 401, proxy if number % 2 else stale))
    link = FakeLink(*rounds)
    with pytest.raises(NoAnswerError, match=r"keeps asking|wrong user name"):
        await sender(link, "x").send("REGISTER", "sip:b", "sip:alice@b")
    assert len(link.sent) <= 6
