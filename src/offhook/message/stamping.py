"""What a server transport writes into the topmost Via: `received` and the value of `rport` (RFC
3261 18.2.1, RFC 3581 4)."""

from __future__ import annotations

import re

from offhook.errors import MessageError
from offhook.message.grammar import GrammarError, split_commas
from offhook.message.headers.via import read_via

__all__ = ["stamped"]

_PLAIN = re.compile(r"[^,\";]*(?:;(?!received)(?:rport\b(?!=)|[a-z]+=[^,\"; \t]+|[a-z]+))*\Z")
_ASKED = re.compile(r";rport(?=;|\Z)")


def stamped(value: str, received: str, rport: int) -> str:
    """A Via line's value with its first Via stamped. A `received` that the peer wrote itself is
    replaced or removed."""
    if _PLAIN.match(value) is None:
        return _carefully(value, received, rport)
    if rport and ";rport" in value:
        value = _ASKED.sub(f";rport={rport}", value, count=1)
    return f"{value};received={received}" if received else value


def _carefully(value: str, received: str, rport: int) -> str:
    try:
        first, *further = split_commas(value)
        via = read_via(first)
    except (GrammarError, ValueError) as fault:
        raise MessageError(400, f"Bad Via: {fault}") from None
    parameters = via.parameters.without("received")
    if rport and "rport" in parameters:
        parameters = parameters.set("rport", str(rport))
    if received:
        parameters = parameters.set("received", received)
    return ", ".join([str(via.replace(parameters)), *further])
