"""The accounts of a first start."""

from __future__ import annotations

from offhook.auth import ha1_of_all
from offhook.server.config import load_text
from offhook.server.first_accounts import make_first_accounts
from offhook.storage.memory import MemoryAccounts
from offhook.storage.protocols import Account

OPEN = '[profiles.p]\nlisten = ["udp:127.0.0.1:0"]\nauthenticate = false\nregistrar = true'


async def test_an_empty_store_gets_two_accounts_once() -> None:
    accounts = MemoryAccounts()
    config = load_text('domains = ["example.com"]')
    made = await make_first_accounts(config, accounts)
    assert [(new.user, new.domain) for new in made] == [
        ("100", "example.com"),
        ("101", "example.com"),
    ]
    assert made[0].password != made[1].password
    assert len(made[0].password) == 16
    stored = await accounts.get("100", "example.com")
    assert stored is not None
    assert stored.ha1 == ha1_of_all("100", "example.com", made[0].password)
    assert await make_first_accounts(config, accounts) == []


async def test_no_account_beside_others() -> None:
    accounts = MemoryAccounts()
    await accounts.put(Account("alice", "example.com", {"MD5": "0" * 32}))
    assert await make_first_accounts(load_text(""), accounts) == []


async def test_no_account_where_nobody_is_asked() -> None:
    accounts = MemoryAccounts()
    assert await make_first_accounts(load_text(OPEN), accounts) == []
    assert await accounts.all() == []
