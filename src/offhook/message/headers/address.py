"""Headers that hold addresses: name-addr or addr-spec with parameters (RFC 3261 20.10, RFC
8217)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.errors import UriError
from offhook.message.grammar import (
    GrammarError,
    end_of_quoted,
    is_token,
    parameter_items,
    quote,
    unquote,
)
from offhook.message.headers.base import HeaderType, each, optional
from offhook.message.parameters import NO_PARAMETERS, Parameters
from offhook.message.uri import Uri, parse_uri

__all__ = [
    "CONTACT",
    "DIVERSION",
    "FROM",
    "HISTORY_INFO",
    "P_ASSERTED_IDENTITY",
    "P_ASSOCIATED_URI",
    "P_PREFERRED_IDENTITY",
    "PATH",
    "RECORD_ROUTE",
    "REFERRED_BY",
    "REFER_TO",
    "REMOTE_PARTY_ID",
    "REPLY_TO",
    "ROUTE",
    "SERVICE_ROUTE",
    "TO",
    "NameAddr",
    "read_name_addr",
]

_UNQUOTED_DISPLAY = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\u0080-\U0010ffff \t]*\Z")
_WILDCARD = Uri("*", "", "", "", None, NO_PARAMETERS, (), "*")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A display name ("" if absent, without quotes), a URI and the parameters of the header
    value."""

    display: str
    uri: Uri
    parameters: Parameters = NO_PARAMETERS

    @property
    def tag(self) -> str:
        """The tag parameter, "" if absent."""
        return self.parameters.text("tag")

    @property
    def wildcard(self) -> bool:
        """True for the `*` of a Contact that removes all bindings (RFC 3261 10.2.2)."""
        return self.uri.scheme == "*"

    def __str__(self) -> str:
        if self.wildcard:
            return f"*{self.parameters}"
        if not self.display:
            return f"<{self.uri.text}>{self.parameters}"
        shown = self.display if is_token(self.display) else quote(self.display)
        return f"{shown} <{self.uri.text}>{self.parameters}"


def read_name_addr(value: str) -> NameAddr:
    """Read one trimmed value. Raises GrammarError."""
    if value[:1] == '"':
        end = end_of_quoted(value, 0)
        display = unquote(value[:end])
        opening = end + len(value[end:]) - len(value[end:].lstrip(" \t"))
        if value[opening : opening + 1] != "<":
            raise GrammarError("no URI after the display name")
        return _bracketed(display, value, opening)
    opening = value.find("<")
    semicolon = value.find(";")
    if opening >= 0 and (semicolon < 0 or opening < semicolon):
        display = value[:opening].rstrip(" \t")
        if _UNQUOTED_DISPLAY.match(display) is None:
            raise GrammarError("display name needs quotes")  # RFC 3261 25.1 display-name
        return _bracketed(display, value, opening)
    return _bare(value, semicolon)


def _bracketed(display: str, value: str, opening: int) -> NameAddr:
    closing = value.find(">", opening)
    if closing < 0:
        raise GrammarError("unbalanced angle bracket")
    items = parameter_items(value, closing + 1)
    return NameAddr(
        display, _uri(value[opening + 1 : closing]), Parameters(items) if items else NO_PARAMETERS
    )


def _bare(value: str, semicolon: int) -> NameAddr:
    """An address without brackets: its parameters belong to the header, and no comma or question
    mark may occur (RFC 3261 20)."""
    text = value if semicolon < 0 else value[:semicolon].rstrip(" \t")
    items = [] if semicolon < 0 else parameter_items(value, semicolon)
    if "?" in text or "," in text:
        raise GrammarError("URI needs angle brackets")
    return NameAddr("", _uri(text), Parameters(items) if items else NO_PARAMETERS)


def _uri(text: str) -> Uri:
    try:
        return parse_uri(text)
    except UriError as fault:
        raise GrammarError(fault.reason.removeprefix("Bad URI: ")) from None


def _read_contact(value: str) -> NameAddr:
    return NameAddr("", _WILDCARD) if value == "*" else read_name_addr(value)


def _read_route(value: str) -> NameAddr:
    address = read_name_addr(value)
    if "<" not in value:
        raise GrammarError("URI needs angle brackets")  # RFC 3261 20.34: name-addr only
    return address


CONTACT: HeaderType[list[NameAddr]] = HeaderType("contact", "Contact", each(_read_contact))
FROM: HeaderType[NameAddr | None] = HeaderType("from", "From", optional(read_name_addr))
TO: HeaderType[NameAddr | None] = HeaderType("to", "To", optional(read_name_addr))
REPLY_TO: HeaderType[NameAddr | None] = HeaderType("reply-to", "Reply-To", optional(read_name_addr))
ROUTE: HeaderType[list[NameAddr]] = HeaderType("route", "Route", each(_read_route))
RECORD_ROUTE: HeaderType[list[NameAddr]] = HeaderType(
    "record-route", "Record-Route", each(_read_route)
)
PATH: HeaderType[list[NameAddr]] = HeaderType("path", "Path", each(_read_route))  # RFC 3327
SERVICE_ROUTE: HeaderType[list[NameAddr]] = HeaderType(
    "service-route", "Service-Route", each(_read_route)
)  # RFC 3608
REFER_TO: HeaderType[NameAddr | None] = HeaderType(
    "refer-to", "Refer-To", optional(read_name_addr)
)  # RFC 3515
REFERRED_BY: HeaderType[NameAddr | None] = HeaderType(
    "referred-by", "Referred-By", optional(read_name_addr)
)  # RFC 3892
P_ASSERTED_IDENTITY: HeaderType[list[NameAddr]] = HeaderType(
    "p-asserted-identity", "P-Asserted-Identity", each(read_name_addr)
)  # RFC 3325
P_PREFERRED_IDENTITY: HeaderType[list[NameAddr]] = HeaderType(
    "p-preferred-identity", "P-Preferred-Identity", each(read_name_addr)
)  # RFC 3325
P_ASSOCIATED_URI: HeaderType[list[NameAddr]] = HeaderType(
    "p-associated-uri", "P-Associated-URI", each(read_name_addr)
)  # RFC 7315
DIVERSION: HeaderType[list[NameAddr]] = HeaderType(
    "diversion", "Diversion", each(read_name_addr)
)  # RFC 5806
HISTORY_INFO: HeaderType[list[NameAddr]] = HeaderType(
    "history-info", "History-Info", each(read_name_addr)
)  # RFC 7044
REMOTE_PARTY_ID: HeaderType[list[NameAddr]] = HeaderType(
    "remote-party-id", "Remote-Party-ID", each(read_name_addr)
)
