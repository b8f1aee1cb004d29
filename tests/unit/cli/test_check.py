"""`offhook check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_a_right_configuration(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 0
    assert capsys.readouterr().out.startswith("ok: 1 domain(s), profiles internal, sqlite:")


def test_faults_are_lines(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "offhook.toml").write_text("domains = []\n[log]\nlevel = 'x'\n")
    assert run("check") == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_missing_files_and_programs_together(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "offhook.toml").write_text("[tls]\ncertificate = 'c'\nkey = 'k'\n")
    assert run("check", "none.py") == 2
    lines = capsys.readouterr().err.rstrip("\n").split("\n")
    assert lines[0] == f"offhook: tls.certificate: no such file: {tmp_path}/c"
    assert lines[1] == f"offhook: tls.key: no such file: {tmp_path}/k"
    assert "none.py" in lines[2]


def test_a_program(run: Run, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "from offhook import Exchange, Reply, Request\nexchange = Exchange()\n"
        "@exchange.request('INVITE')\ndef invite(request: Request) -> Reply:\n"
        "    return Reply(480)\n"
    )
    assert run("check", "program.py") == 0
