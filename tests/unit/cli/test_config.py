"""`offhook config`."""

from __future__ import annotations

import json
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
