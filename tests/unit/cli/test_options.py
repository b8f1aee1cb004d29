"""Options that commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.cli.options import configuration


def test_the_environment_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFFHOOK_LOG__LEVEL", "error")
    assert configuration(None).log.level == "error"


def test_flags_count_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "offhook.toml").write_text('[storage]\nurl = "sqlite:a.db"\n')
    assert configuration(None).storage.url == f"sqlite:{tmp_path}/a.db"
    assert configuration(None, {"storage.url": "memory:"}).storage.url == "memory:"
