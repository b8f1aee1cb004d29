"""What systemd is told."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

import pytest

from offhook.server.systemd import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_tells_the_service_manager(tmp_path: Path, abstract: bool) -> None:
    name = f"@offhook-{secrets.token_hex(8)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(1)
        assert notify("READY=1", {"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all"])
def test_nobody_to_tell_is_no_fault(name: str) -> None:
    assert not notify("READY=1", {"NOTIFY_SOCKET": name})
    assert not notify("READY=1", {})
