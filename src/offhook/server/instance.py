"""What the lifecycle needs of a built server: the seam between `serve` and `build`.

`build(config, program) -> Instance` joins network, engine, stores and the routing program.
Everything here runs on the event loop; lists are made of plain JSON values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from offhook.server.json_value import Json
from offhook.server.measures import Measures
from offhook.server.schema import Config
from offhook.storage.protocols import AccountStore
from offhook.transport import Listener

__all__ = ["Build", "Instance"]


class Instance(Protocol):
    """One server, built and not yet started. None of the lists waits on the network."""

    @property
    def accounts(self) -> AccountStore:
        """The accounts; usable after `start`."""

    @property
    def listeners(self) -> Sequence[Listener]:
        """The SIP listeners, with their real ports after `start`."""

    async def start(self) -> None:
        """Open the storage, bind the listeners, run the program's startup handlers.

        Raises StartError with one actionable line; what was opened is closed again.
        """

    async def drain(self, seconds: float) -> None:
        """Refuse new initial requests (503, Retry-After); return when no transaction is left, or
        after `seconds`. May be cancelled."""

    async def stop(self) -> None:
        """Run the program's shutdown handlers, write what is to be kept, close everything."""

    async def status(self) -> Mapping[str, Json]:
        """At least "storage" ("ok" or the reason), "registrations", "transactions" and
        "connections" (counts). Answers within a second, also when the storage hangs."""

    def measures(self) -> Measures | None:
        """Where the numbers for metrics are; None while the server is not open."""

    async def registrations(self) -> Sequence[Mapping[str, Json]]:
        """One object a binding: "aor", "contact", "expires" (seconds from now), "q", "transport",
        "source", "user_agent", ..."""

    async def unregister(self, aor: str) -> int:
        """Remove all bindings of an AoR; how many there were."""

    def transactions(self) -> Sequence[Mapping[str, Json]]:
        """One object a live transaction: "id", "kind", "method", "state", "call_id", ..."""

    def certificates(self) -> Sequence[Mapping[str, Json]]:
        """One object a certificate of ours: "certificate", "file", "names", "expires",
        "days_left"."""

    async def reload_certificates(self) -> Sequence[Mapping[str, Json]]:
        """Read certificates, keys and authorities again, for the connections from now on; the
        `certificates` in use. Raises StartError, one line, and nothing is changed, if one of them
        cannot be used; UsageError if there are none."""

    def bans(self) -> Sequence[Mapping[str, Json]]:
        """One object a banned source: "source", "seconds" left."""

    def forgive(self, source: str) -> bool:
        """Lift a ban; True if there was one."""

    def connections(self) -> Sequence[Mapping[str, Json]]:
        """One object an open connection: "transport", "local", "remote", "profile"."""


class Build(Protocol):
    """The signature of `server.build.build`."""

    def __call__(self, config: Config, program: str | None) -> Instance:
        """Join everything; nothing is opened yet. Raises ConfigurationError for the program."""
