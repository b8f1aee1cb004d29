"""Via: the way that responses go back (RFC 3261 20.42, RFC 3581)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.message.grammar import GrammarError, host_and_port, parameter_items
from offhook.message.headers.base import HeaderType, each
from offhook.message.parameters import NO_PARAMETERS, Parameters

__all__ = ["VIA", "Via", "read_via"]

_PROTOCOL = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value."""

    transport: str  # upper case
    host: str  # sent-by, lower case, IPv6 without brackets
    port: int | None
    parameters: Parameters = NO_PARAMETERS

    @property
    def branch(self) -> str:
        """The branch, "" if absent."""
        return self.parameters.text("branch")

    @property
    def received(self) -> str:
        """The address that the request came from, without brackets (RFC 5118 4.5); "" if absent."""
        return self.parameters.text("received").strip("[]")

    def replace(self, parameters: Parameters) -> Via:
        """The same hop with other parameters."""
        return Via(self.transport, self.host, self.port, parameters)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {host}{port}{self.parameters}"


def read_via(value: str) -> Via:
    """Read one trimmed value. Raises GrammarError."""
    match = _PROTOCOL.match(value)
    if match is None:
        raise GrammarError("bad protocol")
    semicolon = value.find(";", match.end())
    place = value[match.end() :] if semicolon < 0 else value[match.end() : semicolon]
    host, port = host_and_port(place)
    items = [] if semicolon < 0 else parameter_items(value, semicolon)
    return Via(match[1].upper(), host, port, Parameters(items) if items else NO_PARAMETERS)


VIA: HeaderType[list[Via]] = HeaderType("via", "Via", each(read_via))
