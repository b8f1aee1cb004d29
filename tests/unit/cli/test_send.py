"""`offhook send`: octets out as they are in the file, everything that comes back."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from offhook.cli import send as module
from offhook.cli.send import with_crlf
from offhook.transport.flow import Address
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_link import FakeLink
from tests.unit.cli.test_ping import response

REQUEST = (
    "OPTIONS sip:192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5555;branch=z9hG4bKx\n"
    "From: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: x\nCSeq: 3 OPTIONS\n\n"
)
LOCALS: list[Address | None] = []


def over(monkeypatch: pytest.MonkeyPatch, link: FakeLink) -> None:
    @asynccontextmanager
    async def real_link(_tls: object, *, local: Address | None) -> AsyncIterator[FakeLink]:
        LOCALS[:] = [local]
        yield link

    monkeypatch.setattr(module, "real_link", real_link)


def test_the_file_is_the_message(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = FakeLink([*response(100), *response(200, "O\x1bK", "X: é\n")])
    over(monkeypatch, link)
    (tmp_path / "m").write_bytes(REQUEST.encode())
    assert run("send", "m", "192.0.2.9", "--local", "192.0.2.1:5555") == 0
    assert [data for _, data in link.sent] == [REQUEST.encode()]
    assert LOCALS == [("192.0.2.1", 5555)]
    out = capsys.readouterr().out
    assert out.count("--- after 12.5 ms\n") == 2
    assert "SIP/2.0 200 O?K\n" in out
    assert "X: é\n" in out


def test_crlf_and_json(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = FakeLink(response(404))
    over(monkeypatch, link)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(REQUEST.encode())))
    assert run("send", "-", "192.0.2.9", "--crlf", "--json") == 0
    assert link.sent[0][1] == REQUEST.replace("\n", "\r\n").encode()
    document = json.loads(capsys.readouterr().out)
    assert document["after_ms"] == 12.5
    assert document["message"].startswith("SIP/2.0 404 X\r\n")


def test_silence_and_loss(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m").write_text(REQUEST)
    over(monkeypatch, FakeLink([(0.1, "nonsense\n\n", "")]))
    assert run("send", "m", "192.0.2.9", "--timeout", "1") == 1
    assert capsys.readouterr().err == "offhook: no final response within 1 s\n"
    over(monkeypatch, FakeLink([(0.1, "", "nobody listens there")]))
    assert run("send", "m", "192.0.2.9") == 1
    assert capsys.readouterr().err == "offhook: nobody listens there\n"


@pytest.mark.parametrize(
    ("size", "more", "says"),
    [
        (0, [], "must hold 1 to"),
        (1024 * 1024 + 1, [], "must hold 1 to"),
        (5, ["--local", "x"], "--local: "),
        (5, ["--ca", "none.pem"], "--ca: no such file"),
    ],
)
def test_what_cannot_be_sent(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    size: int,
    more: list[str],
    says: str,
) -> None:
    (tmp_path / "m").write_bytes(b"x" * size)
    assert run("send", "m", "192.0.2.9", *more) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "fixed"),
    [
        (b"A\nB\n\nbody\n", b"A\r\nB\r\n\r\nbody\n"),
        (b"A\r\nB\n\r\nbody", b"A\r\nB\r\n\r\nbody"),
        (b"A\nB\n", b"A\r\nB\r\n\r\n"),
        (b"A", b"A\r\n\r\n"),
    ],
)
def test_only_the_head_gets_crlf(data: bytes, fixed: bytes) -> None:
    assert with_crlf(data) == fixed
