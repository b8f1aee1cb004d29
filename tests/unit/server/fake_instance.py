"""A server in memory, with the contract of `server.instance`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from offhook.errors import StartError
from offhook.server.json_value import Json
from offhook.storage.memory import MemoryAccounts
from offhook.transport import Listener

__all__ = ["FakeInstance"]


class FakeInstance:
    """Notes what happens to it in `history`."""

    def __init__(self, *, start_error: str = "", endless_drain: bool = False) -> None:
        self.history: list[str] = []
        self.accounts = MemoryAccounts()
        self.listeners: Sequence[Listener] = [Listener("internal", "UDP", "127.0.0.1", 5060)]
        self.storage = "ok"
        self.reload_error = ""
        self.reloaded = asyncio.Event()
        self.bindings = {"sip:alice@example.com": 2}
        self._start_error = start_error
        self._endless_drain = endless_drain

    async def start(self) -> None:
        self.history.append("start")
        if self._start_error:
            raise StartError(self._start_error)

    async def drain(self, seconds: float) -> None:
        self.history.append(f"drain {seconds:g}")
        if self._endless_drain:
            await asyncio.Event().wait()

    async def stop(self) -> None:
        self.history.append("stop")

    async def status(self) -> Mapping[str, Json]:
        return {"storage": self.storage, "registrations": 2, "transactions": 1, "connections": 0}

    def measures(self) -> None:
        return None

    async def registrations(self) -> Sequence[Mapping[str, Json]]:
        return [
            {"aor": aor, "contact": f"sip:{number}@192.0.2.1"}
            for aor, count in self.bindings.items()
            for number in range(count)
        ]

    async def unregister(self, aor: str) -> int:
        return self.bindings.pop(aor, 0)

    def transactions(self) -> Sequence[Mapping[str, Json]]:
        return [{"id": "1", "method": "INVITE"}]

    def certificates(self) -> Sequence[Mapping[str, Json]]:
        return [{"certificate": "tls", "days_left": 30}]

    async def reload_certificates(self) -> Sequence[Mapping[str, Json]]:
        self.history.append("reload")
        self.reloaded.set()
        if self.reload_error:
            raise StartError(self.reload_error)
        return self.certificates()

    def bans(self) -> Sequence[Mapping[str, Json]]:
        return [{"source": "192.0.2.9", "seconds": 60}]

    def forgive(self, source: str) -> bool:
        return source == "192.0.2.9"

    def connections(self) -> Sequence[Mapping[str, Json]]:
        return []
