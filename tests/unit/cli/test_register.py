"""`offhook register`: options, exit code, what is printed."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from offhook.cli import register as module
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_link import FakeLink
from tests.unit.cli.test_registration import response

CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\n'
CONTACT = "Contact: <sip:alice@192.0.2.1:5555>;expires=100\n"


def over(monkeypatch: pytest.MonkeyPatch, link: FakeLink) -> None:
    @asynccontextmanager
    async def real_link(_tls: object) -> AsyncIterator[FakeLink]:
        yield link

    monkeypatch.setattr(module, "real_link", real_link)


def test_with_a_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = FakeLink([response(401, CHALLENGE)], [response(200, CONTACT)])
    over(monkeypatch, link)
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert run("register", "alice@b", "--password-stdin", "--expires", "100", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["uri"], document["status"], document["expires"]) == ("sip:alice@b", 200, 100)
    assert 'username="alice"' in (link.requests[1].get("authorization") or "")


def test_another_user_name_and_a_password_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = FakeLink([response(401, CHALLENGE)], [response(200, CONTACT)])
    over(monkeypatch, link)
    (tmp_path / "p").write_text("secret\n")
    assert run("register", "alice@b", "--password-file", "p", "--username", "4711") == 0
    assert 'username="4711"' in (link.requests[1].get("authorization") or "")


def test_a_refusal_is_exit_code_1(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over(monkeypatch, FakeLink([response(401, CHALLENGE)]))
    assert run("register", "alice@b") == 1
    assert capsys.readouterr().out.endswith("give --password-stdin\n")


def test_silence_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over(monkeypatch, FakeLink())
    assert run("register", "alice@b", "--timeout", "0.4") == 1
    assert capsys.readouterr().err == "offhook: no answer within 0.4 s, sent 1 time(s)\n"


def test_a_user_is_needed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("register", "sip:example.com") == 1
    assert "has no user" in capsys.readouterr().err


def test_kept_until_a_signal_and_removed_then(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(FakeLink):
        """The signal comes with the first refresh."""

        def now(self) -> float:
            if len(self.sent) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return super().now()

    link = Interrupted(*[[response(200, CONTACT)] for _ in range(50)])
    over(monkeypatch, link)
    before = signal.getsignal(signal.SIGINT)
    assert run("register", "alice@b", "--keep", "--expires", "100") == 0
    signal.signal(signal.SIGINT, before)
    assert link.requests[-1].get("expires") == "0"


@pytest.mark.parametrize("kept", [True, False])
def test_a_refused_refresh_ends_it(run: Run, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    over(monkeypatch, FakeLink([response(200, CONTACT)], [response(403)]))
    words = ["--keep"] if kept else []
    assert run("register", "alice@b", *words) == (1 if kept else 0)
