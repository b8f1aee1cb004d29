"""The program: only what is called is imported, faults are one line and an exit code."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.main import get_command

from offhook.cli import COMMANDS, main
from offhook.version import __version__


def run(*words: str) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    return int(caught.value.code or 0)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name, text in COMMANDS.items():
        assert f"  {name} " in shown
        assert text in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_the_same_of_itself(name: str) -> None:
    application = typer.Typer(rich_markup_mode=None)
    application.command("other")(lambda: None)
    import_module(f"offhook.cli.{name}").attach(application)
    command = get_command(application).commands[name]  # type: ignore[attr-defined]  # a group
    assert (command.help or "").partition("\n")[0] == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert f"Usage: offhook {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"offhook {__version__}\n"


@pytest.mark.parametrize("name", ["call", "trace", "why", "load", "replay", "answer"])
def test_planned_commands_are_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "x") == 2
    assert capsys.readouterr().err == f"offhook: offhook {name} is not available yet\n"


def test_a_mistyped_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("srve") == 2
    assert "Did you mean 'serve'?" in capsys.readouterr().err


def test_faults_of_the_configuration_are_one_line_each(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("config", "--config", f"{tmp_path}/none.toml") == 2
    assert capsys.readouterr().err == (
        f"offhook: {tmp_path}/none.toml: cannot be read: No such file or directory\n"
    )


def test_a_failure_is_one_line(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("send", f"{tmp_path}/none", "sip:127.0.0.1") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_help_imports_neither_server_nor_tools() -> None:
    code = (
        "import sys\nfrom offhook.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "loaded = [m for m in sys.modules if m.startswith('offhook.')]\n"
        "assert set(loaded) <= {'offhook.cli', 'offhook.errors', 'offhook.version'}, loaded\n"
        "assert not {'asyncio', 'pydantic', 'structlog', 'sqlalchemy', 'rich'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_ctl_imports_no_server() -> None:
    code = (
        "import sys\nimport offhook.cli.ctl\n"
        "assert not {'asyncio', 'structlog', 'sqlalchemy', 'rich'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
