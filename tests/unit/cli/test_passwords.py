"""Where passwords come from."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from offhook.cli.passwords import password_from
from offhook.errors import UsageError


class Terminal(io.StringIO):
    """A standard input that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "password"), [("secret\nmore\n", "secret"), (" a b \r\n", " a b "), ("x", "x")]
)
def test_the_first_line_of_standard_input(
    text: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert password_from(stdin=True) == password


@pytest.mark.parametrize("text", ["", "\n", "\r\nx", "x" * 1025])
def test_no_password_and_endless_ones(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    with pytest.raises(UsageError, match="1 to 1024 characters"):
        password_from(stdin=True)


def test_the_first_line_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("secret\n")
    assert password_from(file=tmp_path / "f") == "secret"
    with pytest.raises(UsageError, match="cannot read the password"):
        password_from(file=tmp_path / "none")


def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def prompt(_text: str, **options: object) -> str:
        asked.append(options)
        return "typed"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(typer, "prompt", prompt)
    assert password_from() == "typed"
    assert asked == [{"hide_input": True, "confirmation_prompt": True}]


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UsageError, match="--password-stdin"):
        password_from()
