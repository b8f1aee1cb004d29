"""What an exchange decides, counted: plain integers that only grow; metrics read them when
asked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Since the start of one server. The first six are what became of requests that had to be
    authenticated."""

    authenticated: int = 0
    challenged: int = 0  # without credentials, or with those of another realm
    stale: int = 0  # right or not, with a nonce that is over: challenged again
    wrong: int = 0  # wrong password or unknown user
    malformed: int = 0  # credentials that cannot be read: 400
    foreign: int = 0  # right password, somebody else's identity: 403
    banned: int = 0  # requests of banned sources: dropped
    registers_accepted: int = 0
    registers_rejected: int = 0  # challenges are none
    bindings_expired: int = 0
    bindings_lost: int = 0  # their connection ended
    bindings_silent: int = 0  # no ping was answered any more
    pings: int = 0  # of contacts behind NATs
    handlers_failed: int = 0  # a routing program raised, or gave no decision: 500
    storage_failed: int = 0  # requests answered 503 for it

    def registered(self, status: int) -> None:
        """A REGISTER was answered."""
        if status < 300:
            self.registers_accepted += 1
        elif status not in (401, 407):
            self.registers_rejected += 1
