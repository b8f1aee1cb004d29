"""`offhook config`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_shows_values_with_their_origin(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "offhook.toml").write_text('domains = ["example.com"]\n')
    monkeypatch.setenv("OFFHOOK_LOG__LEVEL", "debug")
    assert run("config", "--db", "memory:") == 0
    lines = capsys.readouterr().out.split("\n")
    assert 'domains = ["example.com"]  # file' in lines
    assert 'log.level = "debug"  # environment' in lines
    assert 'storage.url = "memory:"  # flag' in lines
    assert "registrar.max_contacts = 10  # default" in lines
    assert 'tls.ca = ""  # default' in lines


def test_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["log.level"] == {"value": "info", "origin": "default"}


def test_what_is_shown_is_toml(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = '{ private = "", "172.31.0.0/16" = "172.31.0.9", "::/0" = "h.example" }'
    text = f'[profiles."a-b"]\nlisten = ["udp:127.0.0.1:5060"]\nadvertise_to = {table}\n'
    (tmp_path / "offhook.toml").write_text(text)
    assert run("config") == 0
    shown = capsys.readouterr().out
    assert 'profiles.a-b.advertise_to."172.31.0.0/16" = "172.31.0.9"  # file' in shown
    assert (
        tomllib.loads(shown)["profiles"]["a-b"]["advertise_to"]
        == tomllib.loads(f"it = {table}")["it"]
    )
