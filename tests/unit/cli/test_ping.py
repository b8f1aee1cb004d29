"""`offhook ping`: what is sent, what is good, what is printed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from offhook.cli import ping as module
from offhook.cli.ping import Ping, ping_once
from offhook.message import parse_uri
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_link import FakeLink, flow_over


def response(status: int, reason: str = "X", more: str = "") -> list[tuple[float, str, str]]:
    text = (
        f"SIP/2.0 {status} {reason}\nVia: SIP/2.0/UDP 192.0.2.1:5555;branch={{branch}}\n"
        "From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: {cseq} OPTIONS\n"
        f"{more}Content-Length: 0\n\n"
    )
    return [(0.0125, text, "")]


def over(monkeypatch: pytest.MonkeyPatch, link: FakeLink) -> None:
    @asynccontextmanager
    async def real_link(_tls: object) -> AsyncIterator[FakeLink]:
        yield link

    monkeypatch.setattr(module, "real_link", real_link)


@pytest.mark.rfc("3261", "11.1")
async def test_sends_options_with_contact_and_accept() -> None:
    link = FakeLink(response(200), flow=flow_over("TCP"))
    await ping_once(link, parse_uri("sip:bob@192.0.2.9;transport=tcp"), 5.0)
    (request,) = link.requests
    assert (request.method, request.uri) == ("OPTIONS", "sip:bob@192.0.2.9;transport=tcp")
    assert request.get("contact") == "<sip:ping@192.0.2.1:5555;transport=tcp>"
    assert request.get("accept") == "application/sdp"


async def test_what_came_back() -> None:
    link = FakeLink(response(404, "Not Found", "Server: far \x1b[31mend\n"))
    got = await ping_once(link, parse_uri("sip:192.0.2.9"), 5.0)
    assert got.seconds == pytest.approx(0.0125)
    assert got.line() == "404 Not Found from udp:192.0.2.9:5060 (far ?[31mend): 12.5 ms"
    assert got.document() == {
        "status": 404,
        "reason": "Not Found",
        "round_trip_ms": 12.5,
        "retransmissions": 0,
        "remote": "udp:192.0.2.9:5060",
        "server": "far \x1b[31mend",
        "good": True,
    }


async def test_no_way_and_no_answer() -> None:
    refused = await ping_once(FakeLink(refuse="refused"), parse_uri("sip:192.0.2.9"), 5.0)
    assert refused.line() == "no answer: sip:192.0.2.9: refused"
    silent = await ping_once(FakeLink(), parse_uri("sip:192.0.2.9"), 1.0)
    assert "no answer within 1 s" in silent.line()
    assert silent.document()["round_trip_ms"] is None  # type: ignore[index,call-overload]  # a dict


@pytest.mark.parametrize(
    ("status", "good"),
    [(200, True), (401, True), (404, True), (486, True), (408, False), (500, False), (503, False),
     (603, False), (0, False)],
)  # fmt: skip
def test_what_is_good(status: int, good: bool) -> None:
    assert Ping(status, "X").good is good


def test_one_good_answer_is_success(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over(monkeypatch, FakeLink(response(503), response(200), response(200)))
    assert run("ping", "192.0.2.9", "--count", "3", "--interval", "0.01") == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[3] == "3 sent, 3 answered, 2 good: min 12.5 ms, avg 12.5 ms, max 12.5 ms"


def test_no_good_answer_is_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over(monkeypatch, FakeLink(response(503)))
    assert run("ping", "192.0.2.9", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["uri"], document["sent"], document["answered"], document["good"]) == (
        "sip:192.0.2.9",
        1,
        1,
        0,
    )
    assert document["pings"][0]["status"] == 503


def test_silence_has_no_times(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over(monkeypatch, FakeLink())
    assert run("ping", "192.0.2.9", "--count", "2", "--interval", "0.01", "--timeout", "0.5") == 1
    assert capsys.readouterr().out.split("\n")[2] == "2 sent, 0 answered, 0 good"
