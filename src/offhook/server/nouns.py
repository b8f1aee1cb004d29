"""What `offhook ctl` can ask a running server for, each noun with the function that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from offhook.errors import PeerError, UsageError
from offhook.message import parse_uri
from offhook.server.control import Control
from offhook.server.instance import Instance
from offhook.server.json_value import Json
from offhook.server.logging import Log

__all__ = ["register_nouns"]

NOT_AVAILABLE = ("calls", "gateways", "hangup")


def register_nouns(
    control: Control,
    instance: Instance,
    logs: Log,
    *,
    status: Callable[[], Awaitable[Mapping[str, Json]]],
    end: Callable[[], None],
) -> None:
    """Register every noun of this server."""
    live = _Live(instance, logs, end)
    control.register("status", "", _without_words(status), help="state and counts")
    control.register(
        "registrations", "", live.registrations, usage="[AOR]", help="bindings, one line each"
    )
    control.register("unregister", "", live.unregister, usage="AOR", help="remove its bindings")
    control.register("transactions", "", live.transactions, help="running transactions")
    control.register("connections", "", live.connections, help="open connections")
    control.register("certificates", "", live.certificates, help="ours, and when they expire")
    control.register(
        "reload", "", live.reload, help="read certificates, keys and authorities again"
    )
    control.register("bans", "", live.bans, help="sources that guessed passwords")
    control.register("bans", "forgive", live.forgive, usage="ADDRESS", help="lift one")
    control.register("log-level", "", live.log_level, usage="[LEVEL]", help="show or change it")
    control.register("drain", "", live.drain, help="refuse new calls, then end the server")
    for noun in NOT_AVAILABLE:
        control.register(noun, "", _refusal(noun))


class _Live:
    """The answers that come from a running instance."""

    def __init__(self, instance: Instance, logs: Log, end: Callable[[], None]) -> None:
        self._instance = instance
        self._logs = logs
        self._end = end

    async def registrations(self, words: Sequence[str]) -> Json:
        rows = await self._instance.registrations()
        if not words:
            return list(rows)
        aor = _aor(words)
        return [row for row in rows if row.get("aor") == aor]

    async def unregister(self, words: Sequence[str]) -> Json:
        aor = _aor(words)
        removed = await self._instance.unregister(aor)
        if not removed:
            raise UsageError(f"{aor} has no registration")
        return {"aor": aor, "removed": removed}

    def transactions(self, words: Sequence[str]) -> Json:
        _no_words(words)
        return list(self._instance.transactions())

    def connections(self, words: Sequence[str]) -> Json:
        _no_words(words)
        return list(self._instance.connections())

    def certificates(self, words: Sequence[str]) -> Json:
        _no_words(words)
        return list(self._instance.certificates())

    async def reload(self, words: Sequence[str]) -> Json:
        _no_words(words)
        return list(await self._instance.reload_certificates())

    def bans(self, words: Sequence[str]) -> Json:
        _no_words(words)
        return list(self._instance.bans())

    def forgive(self, words: Sequence[str]) -> Json:
        if len(words) != 1:
            raise UsageError("name one address, as in 192.0.2.7")
        if not self._instance.forgive(words[0]):
            raise UsageError(f"{words[0]} is not banned")
        return {"source": words[0]}

    def log_level(self, words: Sequence[str]) -> Json:
        if len(words) > 1:
            raise UsageError("give one level")
        if words:
            self._logs.set_level(words[0].lower())
        return self._logs.level

    def drain(self, words: Sequence[str]) -> Json:
        _no_words(words)
        self._end()
        return "draining"


def _without_words(
    function: Callable[[], Awaitable[Mapping[str, Json]]],
) -> Callable[[Sequence[str]], Awaitable[Json]]:
    async def answer(words: Sequence[str]) -> Json:
        _no_words(words)
        return await function()

    return answer


def _refusal(noun: str) -> Callable[[Sequence[str]], Json]:
    def refuse(_words: Sequence[str]) -> Json:
        raise UsageError(f"{noun} is not available yet")

    return refuse


def _no_words(words: Sequence[str]) -> None:
    if words:
        raise UsageError(f'"{words[0]}" is not expected here')


def _aor(words: Sequence[str]) -> str:
    """The canonical AoR of the one word, which may lack its scheme."""
    if len(words) != 1:
        raise UsageError("name one address-of-record, as in alice@example.com")
    text = words[0] if words[0].lower().startswith(("sip:", "sips:", "tel:")) else f"sip:{words[0]}"
    try:
        return parse_uri(text).aor()
    except PeerError as error:
        raise UsageError(f'"{words[0]}" is not an address-of-record: {error.reason}') from None
