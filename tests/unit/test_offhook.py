"""The front door of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import offhook
from offhook.errors import OffhookError
from offhook.exchange import Exchange


def test_every_public_name_is_there() -> None:
    assert dir(offhook) == sorted(offhook.__all__)
    for name in offhook.__all__:
        assert getattr(offhook, name) is not None


def test_names_are_those_of_their_homes() -> None:
    assert offhook.Exchange is Exchange
    assert offhook.OffhookError is OffhookError


def test_other_names_are_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Exchnge'"):
        getattr(offhook, "Exchnge")  # noqa: B009 - a name that type checkers refuse


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys\nimport offhook\n"
        "assert [m for m in sys.modules if m.startswith('offhook.')] == ['offhook.version']\n"
        "assert 'asyncio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
