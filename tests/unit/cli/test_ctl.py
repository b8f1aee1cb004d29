"""`offhook ctl`, with the question and the answer of a fake server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from offhook.cli import ctl as module
from offhook.server.control_client import ControlError
from offhook.server.json_value import Json
from tests.unit.cli.conftest import Run

Asked = list[tuple[Path, str, list[str]]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What was asked of the server, which answers with one row."""
    questions: Asked = []

    def ask(path: Path, noun: str, words: Sequence[str]) -> Json:
        if noun == "fail":
            raise ControlError("the server says no")
        questions.append((path, noun, list(words)))
        return [{"aor": "sip:a@b"}]

    monkeypatch.setattr(module, "ask", ask)
    return questions


def test_asks_the_socket_of_the_configuration(
    run: Run, asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.toml").write_text('[admin]\nsocket = "there"\n')
    assert run("ctl", "registrations", "--config", "other.toml", "--json") == 0
    assert asked == [(tmp_path / "there", "registrations", [])]
    assert json.loads(capsys.readouterr().out) == [{"aor": "sip:a@b"}]


def test_words_and_tables(run: Run, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ctl", "unregister", "sip:a@b", "more") == 0
    assert asked[0][1:] == ("unregister", ["sip:a@b", "more"])
    assert capsys.readouterr().out == "aor    \nsip:a@b\n"


def test_without_a_noun_it_asks_for_help(run: Run, asked: Asked) -> None:
    assert run("ctl") == 0
    assert asked[0][1] == "help"


@pytest.mark.usefixtures("asked")
def test_a_refusal_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ctl", "fail") == 1
    assert capsys.readouterr().err == "offhook: the server says no\n"


def test_no_server(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ctl", "status") == 1
    assert "no server answers on" in capsys.readouterr().err
