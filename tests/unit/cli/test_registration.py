"""One registration: what is asked, what was granted, when it is refreshed."""

from __future__ import annotations

import asyncio

import pytest

from offhook.cli.registration import Registered, Registration
from offhook.message import parse, parse_uri
from tests.unit.cli.fake_link import FakeLink, flow_over

INVITE = (
    "INVITE sip:me@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKs\n"
    "From: <sip:s@t>;tag=5\nTo: <sip:me@t>\nCall-ID: y\nCSeq: 1 INVITE\n"
    "Max-Forwards: 70\nContent-Length: 0\n\n"
)


def response(status: int, more: str = "") -> tuple[float, str, str]:
    text = (
        f"SIP/2.0 {status} X\nVia: SIP/2.0/UDP 192.0.2.1:5555;branch={{branch}}\n"
        "From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: {cseq} REGISTER\n"
        f"{more}Content-Length: 0\n\n"
    )
    return (0.1, text, "")


def registration(
    link: FakeLink, uri: str = "sip:alice@example.com:5070;transport=tcp"
) -> Registration:
    return Registration(link, link.flow, parse_uri(uri), patience=5.0, digest=None)


@pytest.mark.rfc("3261", "10.2")
async def test_the_request_names_domain_aor_and_contact() -> None:
    link = FakeLink([response(200)], flow=flow_over("TCP"))
    await registration(link).send(600)
    (request,) = link.requests
    assert request.uri == "sip:example.com:5070"
    assert request.get("to") == "<sip:alice@example.com:5070>"
    assert (request.get("from") or "").startswith("<sip:alice@example.com:5070>;tag=")
    assert request.get("contact") == "<sip:alice@192.0.2.1:5555;transport=tcp>;expires=600"
    assert request.get("expires") == "600"


@pytest.mark.parametrize(
    ("more", "expires", "count"),
    [
        ("Contact: <sip:alice@192.0.2.1:5555;transport=udp>;expires=120\n", 120, 1),
        (
            "Contact: <sip:x@y>;expires=9, <sip:alice@192.0.2.1:5555;transport=udp>;expires=30\n",
            30,
            2,
        ),
        ("Contact: <sip:alice@192.0.2.1:5555>\nExpires: 77\n", 77, 1),
        ("Contact: <sip:alice@192.0.2.1:5555>\n", 600, 1),
        ("Contact: <sip:other@192.0.2.8>;expires=5\n", 0, 1),
        ("", 0, 0),
        ("Contact: <<broken\n", 600, 0),
    ],
)
async def test_the_lease_is_what_the_registrar_grants(more: str, expires: int, count: int) -> None:
    link = FakeLink([response(200, more)])
    got = await registration(link, "sip:alice@b").send(600)
    assert (got.expires, len(got.contacts), got.accepted) == (expires, count, True)


@pytest.mark.rfc("3261", "10.2.8")
async def test_a_lease_that_is_too_short_is_asked_for_again() -> None:
    link = FakeLink([response(423, "Min-Expires: 90\n")], [response(200)])
    got = await registration(link).send(30)
    assert got.status == 200
    assert [request.get("expires") for request in link.requests] == ["30", "90"]


@pytest.mark.parametrize("more", ["", "Min-Expires: x\n", "Min-Expires: 10\n"])
async def test_a_423_that_makes_no_sense_is_the_answer(more: str) -> None:
    link = FakeLink([response(423, more)])
    assert (await registration(link).send(30)).status == 423
    assert len(link.sent) == 1


async def test_it_is_refreshed_at_four_fifths_and_calls_are_refused() -> None:
    contact = "Contact: <sip:alice@192.0.2.1:5555>;expires=100\n"
    link = FakeLink([response(200, contact), (1.0, INVITE, "")], [], [response(200, contact)])
    binding = registration(link, "sip:alice@b")
    first = await binding.send(100)
    ended = asyncio.Event()
    async for again in binding.keep(first, ended):
        assert again.expires == 100
        ended.set()
    replies = [parse(data) for _, data in link.sent]
    assert [(m.method, m.status) for m in replies][:3] == [
        ("REGISTER", 0),
        ("", 486),
        ("REGISTER", 0),
    ]
    assert link.sent[2][0] - link.sent[0][0] == pytest.approx(80.1)


async def test_it_ends_at_once_when_told_so() -> None:
    link = FakeLink()
    ended = asyncio.Event()
    ended.set()
    first = Registered("sip:a@b", 200, "OK", 3600, (), 0.1)
    assert [r async for r in registration(link).keep(first, ended)] == []


def test_lines() -> None:
    assert Registered("sip:a@b", 200, "OK", 60, ("c",), 0.0125).line() == (
        "sip:a@b: 200 OK in 12.5 ms, registered for 60 s, 1 binding(s)"
    )
    assert "not registered" in Registered("sip:a@b", 200, "OK", 0, (), 0.1).line()
    assert (
        Registered("sip:a@b", 401, "Unauthorized", 0, (), 0.1)
        .line()
        .endswith("; give --password-stdin")
    )
    assert Registered("sip:a@b", 403, "Forbidden", 0, (), 0.1).line().endswith("in 100.0 ms")
