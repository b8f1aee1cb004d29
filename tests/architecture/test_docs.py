"""What the documents show is true: programs compile, configurations load, commands and links exist.

A Python block below a line `<!-- runnable -->` is run; a TOML block is a configuration of offhook;
in a console block the lines that start with `$` are commands.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from offhook.cli import COMMANDS, main
from offhook.server.config import load_text
from offhook.server.schema import Config
from tests.architecture.documents import DOCUMENTS, Block, blocks, commands
from tests.architecture.rules import DOCS, ROOT

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CONFIGURATION_KEY = re.compile(r"^\| `([a-z_.*]+)` \|", re.MULTILINE)


@functools.cache
def help_of(command: tuple[str, ...]) -> str | None:
    """What `offhook COMMAND --help` prints; None if there is no such command."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            main([*command, "--help"])
        except SystemExit as end:
            if end.code:
                return None
    return re.sub(r"-\n *", "-", printed.getvalue())  # a long line may be broken at a hyphen


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.place)
def test_programs_compile_and_run(block: Block, tmp_path: Path) -> None:
    compile(block.text, block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if block.runnable:
        program = tmp_path / "program.py"
        program.write_text(block.text, encoding="utf-8")
        subprocess.run([sys.executable, "-W", "error", program], cwd=tmp_path, check=True)


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.place)
def test_configurations_load(block: Block, tmp_path: Path) -> None:
    assert load_text(block.text, tmp_path).domains


@pytest.mark.parametrize(("place", "line"), commands())
def test_commands_exist(place: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[0].startswith(("scripts/", "./")):
        assert os.access(ROOT / words[0], os.X_OK), place
    if words[0] != "offhook":
        return
    names = []
    for word in words[1:]:
        if not re.fullmatch("[a-z][a-z-]*", word):
            break
        names.append(word)
    text = help_of(tuple(names))
    assert text is not None, f"{place}: no such command"
    assert all(name in text for name in names[:2]), f"{place}: no such word"
    for flag in (word.partition("=")[0] for word in words if word.startswith("--")):
        assert re.search(rf"{flag}\b", text), f"{place}: it has no {flag}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    targets = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if ":" not in link]
    broken = [target for target in targets if not (path.parent / target).exists()]
    assert not broken


def test_every_page_is_in_the_menu() -> None:
    menu = re.findall(r"[\w/-]+\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    pages = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))]
    assert sorted(menu) == pages


def test_every_command_is_documented() -> None:
    text = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `offhook ([a-z]+)` \|", text, re.M) == list(COMMANDS)


def test_every_configuration_key_is_documented() -> None:
    text = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    assert sorted(CONFIGURATION_KEY.findall(text)) == sorted(_keys())


def _keys() -> set[str]:
    """Every key of the configuration; the name that the operator gives to a table is a star."""
    example = load_text(
        '[gateways.one]\nuri = "sip:192.0.2.1"\nprofile = "internal"\n'
        '[certificates.one]\ncertificate = "one.pem"\nkey = "one.key"'
    )
    assert isinstance(example, Config)
    named = re.compile(r"^(profiles|gateways|certificates)\.\w+\.")
    return {named.sub(r"\1.*.", key) for key, _, _ in example.effective()}
