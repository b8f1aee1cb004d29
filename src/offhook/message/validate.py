"""Whether a message may be used in a role, and which status it is owed if not (RFC 3261 8.1.3, 8.2,
16.3, RFC 4475).

A proxy looks only at what it needs: other headers, well-formed or not, pass it unchanged (RFC 3261
16.3 step 1). A user agent and a registrar also refuse broken headers that they act upon. Option
tags (420), hops (483) and methods (405, 501) are left to the owner of the role.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from offhook.errors import MessageError, UriError
from offhook.message.core import is_plain_address
from offhook.message.headers.address import CONTACT, RECORD_ROUTE, TO
from offhook.message.headers.via import VIA
from offhook.message.message import Message
from offhook.message.names import written
from offhook.message.uri import parse_uri

__all__ = ["Fault", "Role", "validate", "validate_relayed"]


class Role(Enum):
    """What the element that validates is to the message."""

    PROXY = "proxy"
    REGISTRAR = "registrar"
    UAS = "uas"
    UAC = "uac"


@dataclass(frozen=True, slots=True)
class Fault:
    """What to answer. For a response (role UAC, or a proxy with a response) it means: drop it."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


_SCHEMES = frozenset({"sip", "sips", "tel"})
_SINGLE_FOR_ALL = frozenset(
    {"call-id", "content-length", "cseq", "from", "max-breadth", "max-forwards", "to"}
)
_SINGLE_FOR_ENDS = _SINGLE_FOR_ALL | {
    "content-disposition",
    "content-type",
    "date",
    "event",
    "expires",
    "min-expires",
    "min-se",
    "rack",
    "refer-to",
    "referred-by",
    "replaces",
    "retry-after",
    "rseq",
    "session-expires",
    "sip-etag",
    "sip-if-match",
    "subscription-state",
    "target-dialog",
}


def validate(message: Message, role: Role) -> Fault | None:
    """The first fault that matters to this role, or None."""
    if message.version != "SIP/2.0":
        return Fault(505, "Version Not Supported")
    if message.fault:
        return Fault(400, message.fault)
    try:
        core = message.core()
    except MessageError as fault:
        return Fault(fault.status, fault.reason)
    if "" in message.index:
        return Fault(400, "Bad Header Line")
    if message.repeated:
        repeated = _repeated(message, _SINGLE_FOR_ALL if role is Role.PROXY else _SINGLE_FOR_ENDS)
        if repeated is not None:
            return repeated
    if not message.is_request:
        return _response(message, role)
    if core.cseq_method != message.method:
        return Fault(400, "CSeq Method Differs")  # RFC 3261 8.1.1.5, RFC 4475 3.1.2.17
    try:
        uri = parse_uri(message.uri)
    except UriError as error:
        return Fault(error.status, error.reason.replace("Bad URI", "Bad Request-URI"))
    if uri.scheme not in _SCHEMES:
        return Fault(416, "Unsupported URI Scheme")  # RFC 3261 8.2.2.1, 16.3 step 2
    if uri.headers:
        return Fault(400, "Headers in Request-URI")  # RFC 3261 19.1.1 table 1, RFC 4475 3.1.2.11
    return None if role is Role.PROXY else _ends(message, role)


def validate_relayed(message: Message) -> Fault | None:
    """The first fault for which a proxy drops a response of one of its transactions; what only the
    user agent reads is left to it (RFC 3261 16.7)."""
    if message.fault or message.version != "SIP/2.0" or not 100 <= message.status < 700:
        return Fault(400, message.fault or "Bad Status Line")
    index = message.index
    if "" in index or "from" not in index or "to" not in index or "call-id" not in index:
        return Fault(400, "Bad Header Line" if "" in index else "Missing Header")
    return _repeated(message, _SINGLE_FOR_ALL) if message.repeated else None


def _repeated(message: Message, single: frozenset[str]) -> Fault | None:
    for name in message.repeated:
        if name in single:
            return Fault(400, f"Multiple {written(name)}")  # RFC 3261 7.3.1, RFC 4475 3.3.8
    return None


def _response(message: Message, role: Role) -> Fault | None:
    if not 100 <= message.status < 700:
        return Fault(400, "Bad Status Code")
    if role is not Role.PROXY and ("via" in message.repeated or "," in message.index["via"]):
        try:
            if len(message.typed(VIA)) > 1:
                return Fault(400, "Not the Last Hop")  # RFC 3261 8.1.3.3
        except MessageError as fault:
            return Fault(fault.status, fault.reason)
    return None if role is Role.PROXY else _ends(message, role)


def _ends(message: Message, role: Role) -> Fault | None:
    """What user agents and registrars act upon besides the core headers."""
    index = message.index
    try:
        if "contact" in index and (
            "contact" in message.repeated or not is_plain_address(index["contact"])
        ):
            contacts = message.typed(CONTACT)
            if not contacts or (contacts[0].wildcard and message.method != "REGISTER"):
                return Fault(400, "Bad Contact")
        if "record-route" in index:
            message.typed(RECORD_ROUTE)
        if role is Role.REGISTRAR and not is_plain_address(index["to"]):
            recipient = message.typed(TO)
            if recipient is None or not recipient.uri.is_sip:
                # RFC 3261 10.3 step 5, RFC 4475 3.3.4
                return Fault(400, "Bad To: not a SIP address-of-record")
    except MessageError as fault:
        return Fault(fault.status, fault.reason)
    return None
