"""Header names: the canonical form (lower case, long) and how we write them (RFC 3261 7.3.1,
7.3.3).

Adding a header here gives it its compact form and its preferred spelling; an unknown name is its
own lower case.
"""

from __future__ import annotations

import re
from functools import lru_cache

from offhook.message import limits

__all__ = ["COMPACT", "SPELLINGS", "canonical", "is_name", "written"]

COMPACT: dict[str, str] = {
    "a": "accept-contact",  # RFC 3841
    "b": "referred-by",  # RFC 3892
    "c": "content-type",  # RFC 3261
    "d": "request-disposition",  # RFC 3841
    "e": "content-encoding",  # RFC 3261
    "f": "from",  # RFC 3261
    "i": "call-id",  # RFC 3261
    "j": "reject-contact",  # RFC 3841
    "k": "supported",  # RFC 3261
    "l": "content-length",  # RFC 3261
    "m": "contact",  # RFC 3261
    "n": "identity-info",  # RFC 4474
    "o": "event",  # RFC 6665
    "r": "refer-to",  # RFC 3515
    "s": "subject",  # RFC 3261
    "t": "to",  # RFC 3261
    "u": "allow-events",  # RFC 6665
    "v": "via",  # RFC 3261
    "x": "session-expires",  # RFC 4028
    "y": "identity",  # RFC 8224
}

_WRITTEN = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority "
    "Alert-Info Allow Allow-Events Answer-Mode Authentication-Info Authorization Call-ID "
    "Call-Info Contact Content-Disposition Content-Encoding Content-ID Content-Language "
    "Content-Length Content-Type CSeq Date Diversion Encryption Error-Info Event Expires "
    "Feature-Caps Flow-Timer From Geolocation Geolocation-Error Geolocation-Routing Hide "
    "History-Info Identity Identity-Info Info-Package In-Reply-To Join Max-Breadth "
    "Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info "
    "P-Answer-State P-Asserted-Identity P-Asserted-Service P-Associated-URI P-Called-Party-ID "
    "P-Charging-Function-Addresses P-Charging-Vector P-DCS-Trace-Party-ID P-Early-Media "
    "P-Media-Authorization P-Preferred-Identity P-Preferred-Service P-Profile-Key "
    "P-Served-User P-Visited-Network-ID Path Permission-Missing Policy-Contact Policy-ID "
    "Priority Priv-Answer-Mode Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require "
    "RAck Reason Reason-Phrase Record-Route Recv-Info Refer-Events-At Refer-Sub Refer-To "
    "Referred-By Reject-Contact Relayed-Charge Remote-Party-ID Replaces Reply-To "
    "Request-Disposition Require Resource-Priority Retry-After Route RSeq Security-Client "
    "Security-Server Security-Verify Server Service-Route Session-Expires Session-ID SIP-ETag "
    "SIP-If-Match Subject Subscription-State Supported Suppress-If-Match Target-Dialog "
    "Timestamp To Trigger-Consent Unsupported User-Agent User-to-User Via Warning "
    "WWW-Authenticate X-Serialnumber "
)

_CANONICAL_TO_WRITTEN = {name.lower(): name for name in _WRITTEN.split()}

SPELLINGS: dict[str, str] = {}
"""The usual spellings of the known names, each with its canonical name: one look-up on the path of
every header line."""
for _name in _WRITTEN.split():
    for _spelling in (_name, _name.lower(), _name.upper(), _name.title()):
        SPELLINGS[_spelling] = _name.lower()
for _letter, _long in COMPACT.items():
    SPELLINGS[_letter] = SPELLINGS[_letter.upper()] = _long

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


def is_name(text: str) -> bool:
    """True if the text can be a header name: a token (RFC 3261 25.1)."""
    return _TOKEN.fullmatch(text) is not None


def canonical(name: str) -> str:
    """The canonical form of a header name as somebody wrote it; "" if it cannot be one."""
    known = SPELLINGS.get(name)
    if known is not None:
        return known
    return _canonical(name) if len(name) > limits.CACHED_TEXT else _remembered(name)


def _canonical(name: str) -> str:
    trimmed = name.rstrip(" \t")  # white space is allowed before the colon (RFC 3261 7.3.1)
    if not is_name(
        trimmed
    ):  # also keeps letters such as U+212A away, whose lower case is an ASCII letter
        return ""
    lowered = trimmed.lower()
    return COMPACT.get(lowered, lowered)


_remembered = lru_cache(maxsize=limits.NAME_CACHE)(_canonical)


def written(name: str) -> str:
    """How we write a header name: "call-id" is "Call-ID"; the parts of an unknown name get
    capitals."""
    lowered = COMPACT.get(name.lower(), name.lower())
    return _CANONICAL_TO_WRITTEN.get(lowered) or "-".join(
        part[:1].upper() + part[1:] for part in name.split("-")
    )
