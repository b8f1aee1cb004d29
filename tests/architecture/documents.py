"""What the documents show, block by block: fenced text, its language, and where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.rules import DOCS, ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_BLOCK = re.compile(
    r"(?P<run><!-- runnable -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_TABLED_COMMAND = re.compile(r"^\| `(offhook [a-z -]+)` \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a document."""

    place: str
    language: str
    text: str
    runnable: bool


def blocks(language: str) -> list[Block]:
    return [block for path in DOCUMENTS for block in _read(path) if block.language == language]


def commands() -> list[tuple[str, str]]:
    """The lines of console blocks that a reader types and the commands in tables, with places."""
    typed = [
        (block.place, line.strip().removeprefix("$ "))
        for block in blocks("console")
        for line in block.text.replace("\\\n", " ").split("\n")
        if line.strip().startswith("$ ")
    ]
    tabled = [
        (path.relative_to(ROOT).as_posix(), command)
        for path in DOCUMENTS
        for command in _TABLED_COMMAND.findall(path.read_text(encoding="utf-8"))
    ]
    return typed + tabled


def _read(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start('language')) + 1}",
            match["language"],
            re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
            match["run"] is not None,
        )
        for match in _BLOCK.finditer(text)
    ]
