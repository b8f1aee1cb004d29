"""Identifiers that the engine makes itself, from its keys and a counter: branches and To tags."""

from __future__ import annotations

from hashlib import blake2s

from offhook.engine.settings import EngineSettings
from offhook.message.interface import Core

__all__ = ["Identifiers"]


class Identifiers:
    """Unique over restarts by `boot`, not to be guessed by `key`."""

    __slots__ = ("_count", "_key", "_prefix")

    def __init__(self, settings: EngineSettings) -> None:
        self._key = settings.key
        self._prefix = f"z9hG4bK{settings.worker}{settings.boot}"
        self._count = 0

    def branch(self, loop_hash: str = "") -> str:
        """A new branch: cookie, worker, number, loop hash (RFC 3261 8.1.1.7, RFC 5393 4.2.2)."""
        self._count += 1
        return f"{self._prefix}.{self._count:x}.{loop_hash}"

    def stateless_branch(self, core: Core) -> str:
        """The same branch for every copy of the same request (RFC 3261 16.11)."""
        text = f"{core.branch}\0{core.call_id}\0{core.cseq}\0{core.from_tag}\0{core.to_tag}"
        return f"{self._prefix}.s{self._hash(text)}"

    def to_tag(self, core: Core) -> str:
        """The To tag of our own responses to a request: the same for every copy, so that the ACK is
        known again (RFC 3261 8.2.7)."""
        return self._hash(f"{core.call_id}\0{core.from_tag}\0{core.cseq}\0{core.branch}")

    def _hash(self, text: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        return blake2s(data, key=self._key, digest_size=8).hexdigest()
