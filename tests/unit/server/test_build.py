"""Building a server opens nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigurationError, StorageError
from offhook.server.build import build
from offhook.server.config import load_text


def test_a_node_that_is_not_open_yet(tmp_path: Path) -> None:
    node = build(load_text("", tmp_path), None)
    assert node.listeners == ()
    with pytest.raises(StorageError, match="not open"):
        print(node.accounts)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        build(load_text("", tmp_path), str(tmp_path / "gone.py"))
