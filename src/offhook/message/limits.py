"""The sizes that a message may have, each with the reason for its number (RFC 3261 18.1.1, 20, RFC
4475 3.1.2).

What breaks a limit is refused before it costs time or memory; nothing here is a protocol constant
of a state machine.
"""

from __future__ import annotations

__all__ = [
    "ADDRESS_CACHE",
    "BODY",
    "CACHED_TEXT",
    "CSEQ",
    "DATAGRAM",
    "DELTA_SECONDS",
    "HEADER_LINES",
    "HOPS",
    "LIST_VALUES",
    "MULTIPART_DEPTH",
    "MULTIPART_PARTS",
    "NAME_CACHE",
    "PARAMETERS",
    "STREAM_HEAD",
    "URI",
    "URI_CACHE",
]

DATAGRAM = 65_535
"""Octets of a message over UDP: the most that IP carries (RFC 3261 18.1.1)."""

STREAM_HEAD = 32_768
"""Octets of start line and headers on a stream: eight times the longest head of real traffic, and
small enough that ten thousand connections that never end their head cost 320 MB at most."""

BODY = 1_048_576
"""Octets of a body on a stream: resource lists and pictures in MESSAGE stay under it, an endless
Content-Length does not."""

HEADER_LINES = 256
"""Header lines: 70 hops leave at most 70 Vias and 70 Record-Routes, with room for the rest."""

LIST_VALUES = 512
"""Values of one header, over all its lines: twice the header lines, since values may share a
line."""

PARAMETERS = 64
"""Parameters of one URI or one header value: the richest Contact of RFC 3840 has about 30."""

URI = 4_096
"""Characters of one URI: token-laden Record-Routes of real proxies stay under 1,000."""

CSEQ = 2**32 - 1
"""Highest CSeq number that is read. A writer stays below 2**31 (RFC 3261 8.1.1.5); 32 bits are what
RFC 4475 3.1.2.4 refuses above."""

HOPS = 255
"""Highest Max-Forwards (RFC 3261 20.22)."""

DELTA_SECONDS = 2**32 - 1
"""Highest number of seconds (RFC 3261 20.19); a larger one is read as this."""

MULTIPART_DEPTH = 4
"""Multipart bodies inside multipart bodies: signed, then mixed, then alternative, then related is
the deepest use known."""

MULTIPART_PARTS = 128
"""Parts of one multipart body: RFC 4662 lists of a hundred watched users fit."""

URI_CACHE = 2_048
"""Parsed URIs remembered: Request-URIs, contacts and routes of the calls of the moment; about 1
MB."""

ADDRESS_CACHE = 2_048
"""From and To values remembered: each comes back six times in a call; about 0.5 MB."""

NAME_CACHE = 512
"""Unusual spellings of header names remembered."""

CACHED_TEXT = 256
"""Characters of the longest text that a cache keeps, so that a flood of long ones cannot fill
memory."""
