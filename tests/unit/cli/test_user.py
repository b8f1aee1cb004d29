"""`offhook user`, on a database of its own."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from offhook.auth import ha1_of_all
from offhook.storage.opening import open_storage
from offhook.storage.protocols import Account
from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def _in_example_com(tmp_path: Path) -> None:
    (tmp_path / "offhook.toml").write_text('domains = ["example.com"]\n')


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def stored(folder: Path, user: str) -> Account | None:
    async def look() -> Account | None:
        storage = await open_storage(f"sqlite:{folder}/offhook.db")
        try:
            return await storage.accounts.get(user, "example.com")
        finally:
            await storage.close()

    return asyncio.run(look())


def test_add_stores_hashes_and_no_password(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, "secret\n")
    assert run("user", "add", "alice@example.com", "--password-stdin") == 0
    account = stored(tmp_path, "alice")
    assert account is not None
    assert account.ha1 == ha1_of_all("alice", "example.com", "secret")
    assert {"MD5", "SHA-256"} <= set(account.ha1)
    assert b"secret" not in (tmp_path / "offhook.db").read_bytes()


def test_list(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bob", "alice"):
        give(monkeypatch, "secret\n")
        run("user", "add", name, "--password-stdin")
    assert run("user", "list") == 0
    assert capsys.readouterr().out == "alice@example.com\nbob@example.com\n"
    assert run("user", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["account"] for row in rows] == ["alice@example.com", "bob@example.com"]
    assert "MD5" in rows[0]["digests"]


def test_add_twice_passwd_and_remove(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "one\n")
    assert run("user", "add", "alice", "--password-stdin") == 0
    give(monkeypatch, "two\n")
    assert run("user", "add", "alice", "--password-stdin") == 1
    assert "offhook user passwd" in capsys.readouterr().err
    give(monkeypatch, "two\n")
    assert run("user", "passwd", "alice", "--password-stdin") == 0
    account = stored(tmp_path, "alice")
    assert account is not None
    assert account.ha1 == ha1_of_all("alice", "example.com", "two")
    assert run("user", "remove", "alice@example.com") == 0
    assert stored(tmp_path, "alice") is None
    assert run("user", "remove", "alice@example.com") == 1
    give(monkeypatch, "two\n")
    assert run("user", "passwd", "alice", "--password-stdin") == 1


def test_foreign_domains_need_a_word(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "x\n")
    assert run("user", "add", "a@example.org", "--password-stdin") == 1
    assert "--any-domain" in capsys.readouterr().err
    give(monkeypatch, "x\n")
    assert run("user", "add", "a@example.org", "--password-stdin", "--any-domain") == 0


def test_import(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "list"
    file.write_text("# a comment\n\nalice@example.com pass word\nbob@example.com\tx\n")
    assert run("user", "import", "list") == 0
    assert capsys.readouterr().out == "2 accounts imported\n"
    account = stored(tmp_path, "alice")
    assert account is not None
    assert account.ha1 == ha1_of_all("alice", "example.com", "pass word")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a@example.com x\nb@example.com\n", "line 2 is not NAME@DOMAIN PASSWORD"),
        ("a@example.com x\nb@example.org y\n", "line 2: example.org is not a domain"),
        (f"a@example.com {'x' * 2000}\n", "line 1 is not"),
    ],
)
def test_an_import_with_a_fault_stores_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    (tmp_path / "list").write_text(text)
    assert run("user", "import", "list") == 1
    assert says in capsys.readouterr().err
    assert stored(tmp_path, "a") is None


def test_import_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, "a@example.com x\n")
    assert run("user", "import", "-") == 0
    assert run("user", "import", "none") == 1


def test_memory_keeps_no_accounts(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("user", "list", "--db", "memory:") == 2
    assert "keeps no accounts" in capsys.readouterr().err
