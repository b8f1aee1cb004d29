"""Writes the generated pages of docs/reference: the public names, and the requirements of RFCs.

`scripts/reference` runs it; `test_reference.py` compares the pages with what it would write.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import types
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.architecture.rules import DOCS, ROOT
from tests.architecture.sources import package

__all__ = ["api_page", "citations", "compliance_page", "marks", "pages"]

NOTE = "<!-- Written by scripts/reference: change the sources, not this page. -->\n"
# "RFC 3261 16.6" and "RFC 3261 16.6, 16.7 and 17"; a number without a section enforces nothing.
CITATION = re.compile(r"RFC (\d{3,5})((?:,? (?:and |section )?\d{1,2}(?:\.\d+)*(?![\d.]*\d))+)")
SECTION = re.compile(r"\d{1,2}(?:\.\d+)*")

Requirement = tuple[str, str]  # number of the RFC, section


def pages() -> dict[Path, str]:
    """Each generated page with its text."""
    return {
        DOCS / "reference" / "api.md": api_page(),
        DOCS / "reference" / "compliance.md": compliance_page(),
    }


def api_page() -> str:
    """The names that each package offers to others, with the first line of their docstrings."""
    parts = [
        NOTE,
        "# Public names\n",
        "What `__all__` lists is the interface; other names may change without notice.\n",
    ]
    for name in _public_modules():
        module = importlib.import_module(name)
        parts.append(f"## `{name}`\n")
        parts.append(_first_line(module) + "\n")
        names: list[str] = getattr(module, "__all__", [])
        parts += [_entry(module, public) for public in sorted(names, key=str.casefold)]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def compliance_page() -> str:
    """Each cited section with the files that enforce it and the tests that show it."""
    code, tests = _by_requirement(citations()), _by_requirement(marks())
    parts = [
        NOTE,
        "# Compliance\n",
        "A line that enforces a requirement cites its section; a test that shows the requirement",
        "carries a mark. This table puts both side by side.\n",
    ]
    for number in sorted({number for number, _ in code | tests}, key=int):
        parts.append(f"## RFC {number}\n")
        parts.append("| section | code | tests |\n|---|---|---|")
        sections = {section for rfc, section in code | tests if rfc == number}
        for section in sorted(sections, key=_by_number):
            row = [_files(found[number, section]) for found in (code, tests)]
            parts.append(f"| {section} | {row[0]} | {row[1]} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def citations() -> Iterator[tuple[Requirement, str]]:
    """The sections that comments of the package cite, each with the path of its file."""
    for source in package():
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                for match in CITATION.finditer(token.string):
                    for section in SECTION.findall(match[2]):
                        yield (match[1], section), source.name


@functools.cache
def marks() -> tuple[tuple[Requirement, str], ...]:
    """The arguments of `pytest.mark.rfc` on all tests, each with the path of its file."""
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    result = subprocess.run(
        [sys.executable, "-m", "tests.architecture.collected_marks"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"the tests cannot be collected:\n{result.stderr[-2000:]}")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return tuple(((number, section), path) for number, section, path in found)


def _public_modules() -> list[str]:
    """The front door, then the packages and single modules directly below it."""
    return [
        source.module
        for source in sorted(package(), key=lambda source: source.module)
        if (source.path.name == "__init__.py" or source.module.count(".") == 1)
        and not source.module.endswith("__main__")
    ]


def _entry(module: types.ModuleType, name: str) -> str:
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        return f"- `{name}`: {_first_line(value)}"
    return f"- `{name}`"


def _first_line(value: object) -> str:
    """The first paragraph of a docstring in one line; "" if it has none of its own."""
    text = value.__doc__ or ""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())


def _by_requirement(
    found: Iterable[tuple[Requirement, str]],
) -> defaultdict[Requirement, set[str]]:
    files: defaultdict[Requirement, set[str]] = defaultdict(set)
    for requirement, path in found:
        files[requirement].add(path)
    return files


def _files(names: set[str]) -> str:
    return "<br>".join(f"`{name.removeprefix('src/')}`" for name in sorted(names)) or "-"


def _by_number(section: str) -> list[int]:
    return [int(part) for part in section.split(".")]


def main() -> None:
    """Write every page that differs."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
