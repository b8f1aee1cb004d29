"""What the kernel's error queue says about a datagram that did not arrive (Linux
`sock_extended_err`, RFC 3261 18.4).
"""

from __future__ import annotations

import struct

__all__ = ["undeliverable"]

_EXTENDED_ERROR = struct.Struct("=IBBBB")  # errno, origin, type, code, padding
_ORIGIN_ICMP = 2
_ORIGIN_ICMP6 = 3

# RFC 3261 18.4: host, network, port or protocol unreachable and parameter problems fail the
# transaction; source quench and time exceeded are ignored. Too-big reports are ignored too: the
# retransmission is fragmented.
_FATAL_ICMP = frozenset({3, 12})
_FRAGMENTATION_NEEDED = (3, 4)
_FATAL_ICMP6 = frozenset({1, 4})


def undeliverable(control: bytes) -> bool:
    """True if this control message of the error queue says that the peer cannot be reached."""
    if len(control) < _EXTENDED_ERROR.size:
        return False
    _errno, origin, kind, code, _padding = _EXTENDED_ERROR.unpack_from(control)
    if origin == _ORIGIN_ICMP:
        return kind in _FATAL_ICMP and (kind, code) != _FRAGMENTATION_NEEDED
    return origin == _ORIGIN_ICMP6 and kind in _FATAL_ICMP6
