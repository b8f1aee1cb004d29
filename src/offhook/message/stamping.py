"""What a server transport writes into the topmost Via: `received` and the value of `rport` (RFC
3261 18.2.1, RFC 3581 4)."""

from __future__ import annotations

import re

from offhook.message.grammar import GrammarError, split_commas
from offhook.message.headers.via import read_via

__all__ = ["stamped"]

_PLAIN = re.compile(r"[^,\";]*(?:;(?!received|rport=)[a-z]+(?:=[^,\"; \t]+)?)*\Z")
_ASKED = re.compile(r";rport(?=;|\Z)")


def stamped(value: str, received: str, rport: int) -> str:
    """A Via line's value with its first Via stamped; unchanged if it is malformed.

    A `received` that the peer wrote itself is replaced or removed: it is ours to say.
    """
    if _PLAIN.match(value) is None:
        return _carefully(value, received, rport)
    if rport and ";rport" in value:
        value = _ASKED.sub(f";rport={rport}", value, count=1)
    return f"{value};received={received}" if received else value


def _carefully(value: str, received: str, rport: int) -> str:
    try:
        first, *further = split_commas(value) or [""]
        via = read_via(first)
    except GrammarError:
        return value
    parameters = via.parameters.without("received")
    if rport and "rport" in parameters:
        parameters = parameters.set("rport", str(rport))
    if received:
        parameters = parameters.set("received", received)
    return ", ".join([str(via.replace(parameters)), *further])
