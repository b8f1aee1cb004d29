"""Identifiers that the engine makes itself, from its keys and a counter: branches and To tags.

A branch of a request that was relayed without state is a function of the request (RFC 3261 16.11).
It also says by which flow the response goes back, and proves that we wrote it: who forges one has
us send nothing to anybody.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from hashlib import blake2s
from hmac import compare_digest

from offhook.engine.settings import EngineSettings
from offhook.message.interface import Core

__all__ = ["Identifiers"]


class Identifiers:
    """Unique over restarts by `boot`, not to be guessed by `key`."""

    __slots__ = ("_count", "_key", "_prefix", "_stateless")

    def __init__(self, settings: EngineSettings) -> None:
        self._key = settings.key
        self._prefix = f"z9hG4bK{settings.worker}{settings.boot}"
        self._stateless = f"z9hG4bK{settings.worker}s"  # the same after a restart
        self._count = 0

    def branch(self, loop_hash: str = "") -> str:
        """A new branch: cookie, worker, number, loop hash (RFC 3261 8.1.1.7, RFC 5393 4.2.2)."""
        self._count += 1
        return f"{self._prefix}.{self._count:x}.{loop_hash}"

    def stateless_branch(
        self, core: Core, *, uri: str = "", place: str = "", loop_hash: str = ""
    ) -> str:
        """The same branch for every copy of a request, for its CANCEL, and for the ACK of its
        refusal (RFC 3261 16.11). `place` is the name of the flow that the response takes, "" for an
        ACK, which has none.

        The To tag is left out, which that ACK alone has. `uri` is the Request-URI: it counts for
        clients that are older than RFC 3261, whose branch names nothing.
        """
        text = f"{core.branch}\0{core.sent_by_host}\0{core.sent_by_port}\0{core.transport}"
        if core.branch[:7] != "z9hG4bK":
            text = f"{text}\0{uri}"
        name = self._hash(f"{text}\0{_call(core)}")
        if not place:
            return f"{self._stateless}{name}...{loop_hash}"
        packed = urlsafe_b64encode(place.encode()).decode().rstrip("=")
        name = f"{name}.{packed}"
        return f"{self._stateless}{name}.{self._seal(name, core, loop_hash)}.{loop_hash}"

    def stateless_place(self, branch: str, core: Core) -> str:
        """The flow that the response with this branch takes, "" if we did not write it for this
        call. `core` is of the response."""
        fields = branch.split(".")
        if len(fields) != 4 or not branch.startswith(self._stateless):
            return ""
        name = f"{fields[0][len(self._stateless) :]}.{fields[1]}"
        if not compare_digest(fields[2], self._seal(name, core, fields[3])):
            return ""
        try:
            return urlsafe_b64decode(fields[1] + "=" * (-len(fields[1]) % 4)).decode()
        except (Base64Error, UnicodeDecodeError):
            return ""

    def _seal(self, name: str, core: Core, loop_hash: str) -> str:
        return self._hash(f"response\0{name}\0{loop_hash}\0{_call(core)}")

    def to_tag(self, core: Core) -> str:
        """The To tag of our own responses to a request: the same for every copy, so that the ACK is
        known again (RFC 3261 8.2.7)."""
        return self._hash(f"{core.call_id}\0{core.from_tag}\0{core.cseq}\0{core.branch}")

    def draws(self, call_id: str, host: str) -> Callable[[], float]:
        """Numbers of 0 <= number < 1 to draw servers of `host` with. The same for all requests of a
        call, so that it stays with its server where it can (RFC 3263 4.4), and even over calls."""
        key = self._key
        text = f"{call_id}\0{host}".encode("utf-8", "surrogateescape")
        drawn = 0

        def draw() -> float:
            nonlocal drawn
            drawn += 1
            digest = blake2s(b"%d\0%b" % (drawn, text), key=key, digest_size=6).digest()
            return int.from_bytes(digest, "big") / 2**48

        return draw

    def _hash(self, text: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        return blake2s(data, key=self._key, digest_size=8).hexdigest()


def _call(core: Core) -> str:
    """What a request and its response have in common."""
    return f"{core.call_id}\0{core.cseq}\0{core.from_tag}"
