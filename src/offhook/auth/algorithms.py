"""The hash algorithms of digest authentication (RFC 7616 3.2, RFC 8760 2.1): one row each,
strongest last.

A new algorithm is one new row here; callers name algorithms and never their hash functions. The
"-sess" variants are not served: no phone needs them, and they bind HA1 to one nonce.

Some phones log in as user@domain, and hash that as their name. It is another name by another hash,
so an account keeps a second HA1 of each algorithm for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["ALGORITHMS", "Algorithm", "algorithm_named", "ha1_names", "ha1_of_all", "strongest"]

WHOLE_ADDRESS = "@"  # in the name of the HA1 of user@realm; no algorithm has it in its own


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm. `digest` gives lower-case hexadecimal (RFC 8760 2.2)."""

    name: str  # as challenges write it
    digest: Callable[[bytes], str]
    strength: int  # a client takes the highest that it knows

    def ha1(self, user: str, realm: str, password: str) -> str:
        """The hash of the user's secret: what an account stores instead of the password."""
        return self.digest(f"{user}:{realm}:{password}".encode("utf-8", "surrogateescape"))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


def _rows() -> Iterable[Algorithm]:
    yield Algorithm("MD5", _md5, 1)
    yield Algorithm("SHA-256", _sha256, 2)
    if "sha512_256" in hashlib.algorithms_available:  # not in every build of OpenSSL
        yield Algorithm("SHA-512-256", _sha512_256, 3)


ALGORITHMS: dict[str, Algorithm] = {row.name: row for row in _rows()}
_BY_LOWER_NAME = {name.lower(): row for name, row in ALGORITHMS.items()}


def algorithm_named(name: str) -> Algorithm | None:
    """The algorithm of that name, case ignored; "" is MD5 (RFC 7616 3.3); None if it is not
    served."""
    return ALGORITHMS.get(name or "MD5") or _BY_LOWER_NAME.get(name.lower())


def ha1_of_all(user: str, realm: str, password: str) -> dict[str, str]:
    """HA1 by every algorithm, so that a profile may change its algorithms without asking for
    passwords again; for both names that a phone may use, under the names of `ha1_names`."""
    return {
        row.name + mark: row.ha1(name, realm, password)
        for row in ALGORITHMS.values()
        for mark, name in (("", user), (WHOLE_ADDRESS, f"{user}@{realm}"))
    }


def ha1_names(algorithm: str, username: str, realm: str) -> tuple[str, ...]:
    """Under which names an account keeps the HA1 values that this user name may go with: "MD5",
    and first "MD5@" for user@realm, which some phones show and do not hash."""
    if username.endswith(f"@{realm}"):
        return (f"{algorithm}{WHOLE_ADDRESS}", algorithm)
    return (algorithm,)


def strongest(names: Iterable[str]) -> str | None:
    """The strongest served algorithm among `names`, in its canonical spelling."""
    rows = [row for row in map(algorithm_named, names) if row]
    return max(rows, key=lambda row: row.strength).name if rows else None
