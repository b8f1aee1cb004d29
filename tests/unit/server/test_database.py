"""From a configuration to its open database."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import StartError
from offhook.server.config import load_text
from offhook.server.database import open_configured_accounts, open_configured_storage
from offhook.storage import Account

ALICE = Account("alice", "example.com", {"MD5": "aa"})


async def test_a_tool_changes_accounts_while_a_server_serves(tmp_path: Path) -> None:
    config = load_text('[storage]\nurl = "sqlite:x.db"\n', tmp_path)
    storage = await open_configured_storage(config)
    tool = await open_configured_accounts(config)
    await tool.accounts.put(ALICE)
    await tool.close()
    assert await storage.accounts.get("alice", "example.com") == ALICE
    await storage.close()


async def test_the_keys_of_the_section_lead_there(tmp_path: Path) -> None:
    config = load_text(
        '[storage]\nurl = "postgresql://o@127.0.0.1/d"\npassword_file = "missing"\n', tmp_path
    )
    assert config.storage.password_file == tmp_path / "missing"
    with pytest.raises(StartError, match=f"storage.password_file: cannot read {tmp_path}/missing"):
        await open_configured_storage(config)
