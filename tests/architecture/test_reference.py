"""The generated pages of the reference say what the sources say."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.architecture.reference import citations, compliance_page, marks, pages
from tests.architecture.rules import ROOT
from tests.architecture.sources import package

NUMBER = re.compile(r"\d{3,5}")
SECTION = re.compile(r"\d+(\.\d+)*")


@pytest.mark.timeout(180)  # it collects every test in a process of its own
def test_generated_pages_are_up_to_date() -> None:
    stale = [
        path.relative_to(ROOT).as_posix()
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run scripts/reference: {stale}"


def test_public_names_exist() -> None:
    missing = [
        f"{source.module}.{name}"
        for source in package()
        if source.path.name != "__main__.py"
        for module in [importlib.import_module(source.module)]
        for name in getattr(module, "__all__", ())
        if not hasattr(module, name)
    ]
    assert not missing, missing


def test_marks_name_an_rfc_and_a_section() -> None:
    faults = [
        f"{path}: {number} {section}"
        for (number, section), path in marks()
        if not (NUMBER.fullmatch(number) and SECTION.fullmatch(section))
    ]
    assert not faults, faults


def test_citations_reach_the_table() -> None:
    text = compliance_page()
    for (number, section), path in citations():
        assert f"## RFC {number}\n" in text
        assert f"| {section} | " in text
        assert path.removeprefix("src/") in text
