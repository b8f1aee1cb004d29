"""`offhook serve`: what its flags mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.cli import serve as module
from offhook.errors import StartError
from offhook.server.schema import Config
from tests.unit.cli.conftest import Run

Served = list[tuple[Config, str | None]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """What was served; the fake server ends at once."""
    configurations: Served = []

    async def serve(config: Config, program: str | None, _build: object, **_more: object) -> int:
        configurations.append((config, program))
        if config.storage.url == "sqlite:/taken":
            raise StartError("udp:0.0.0.0:5060: address already in use")
        return 0

    monkeypatch.setattr(module, "serve", serve)
    return configurations


def test_flags_over_the_file(run: Run, served: Served, tmp_path: Path) -> None:
    (tmp_path / "offhook.toml").write_text('domains = ["example.com"]\n')
    words = ["--listen", "udp:127.0.0.1:0", "--listen", "tcp:127.0.0.1:0", "--db", "memory:"]
    assert run("serve", "program.py", *words) == 0
    ((config, program),) = served
    assert program == "program.py"
    assert config.domains == ("example.com",)
    assert config.profiles["internal"].listen == ("udp:127.0.0.1:0", "tcp:127.0.0.1:0")
    assert config.storage.url == "memory:"


def test_without_anything(run: Run, served: Served, tmp_path: Path) -> None:
    assert run("serve") == 0
    ((config, program),) = served
    assert program is None
    assert config.storage.url == f"sqlite:{tmp_path}/offhook.db"


def test_what_cannot_start_is_one_line(
    run: Run, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("serve", "--db", "sqlite:/taken") == 1
    assert capsys.readouterr().err == "offhook: udp:0.0.0.0:5060: address already in use\n"
    assert len(served) == 1


def test_missing_files_are_told_before_the_start(
    run: Run, served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "offhook.toml").write_text("[tls]\ncertificate = 'c'\nkey = 'k'\n")
    assert run("serve") == 2
    assert capsys.readouterr().err.count("no such file") == 2
    assert served == []
