"""STUN binding requests in octets, and the answers to them (RFC 8489; RFC 5780 for NAT behaviour).

On a SIP port a binding request is the keep-alive of a phone's flow and the answer tells it the
address that its NAT gave it (RFC 5626 8). Sans-IO and stateless: an answer depends on the request
and its source alone. No credentials are asked for, so message integrity is neither checked nor
given. Only what RFC 8489 calls the server side is here.
"""

from __future__ import annotations

import struct
from binascii import crc32
from dataclasses import dataclass
from ipaddress import ip_address

from offhook.transport.flow import Address

__all__ = [
    "CHANGE_IP",
    "CHANGE_PORT",
    "FIRST_OF_SIP",
    "Binding",
    "answer",
    "looks_like_stun",
    "read_binding",
    "refuse",
]

FIRST_OF_SIP = 0x40  # a STUN message starts with two zero bits (RFC 8489 5), a SIP message never
CHANGE_IP = 0x4  # flags of CHANGE-REQUEST (RFC 5780 7.2)
CHANGE_PORT = 0x2
HEAD = 20  # octets before the attributes
LARGEST = 548  # octets: a request that fits any path (RFC 8489 6.1 for IPv4); no client needs more
LISTED = 8  # unknown attributes named in a 420: the answer never outgrows the question by much

_COOKIE = b"\x21\x12\xa4\x42"
_REQUEST = 0x0001
_INDICATION = 0x0011
_SUCCESS = 0x0101
_ERROR = 0x0111
_MAPPED_ADDRESS = 0x0001
_CHANGE_REQUEST = 0x0003
_ERROR_CODE = 0x0009
_UNKNOWN_ATTRIBUTES = 0x000A
_XOR_MAPPED_ADDRESS = 0x0020
_FINGERPRINT = 0x8028
_RESPONSE_ORIGIN = 0x802B
_OTHER_ADDRESS = 0x802C
_INTEGRITY = frozenset({0x0008, 0x001C})  # what follows these is ignored (RFC 8489 14.5, 14.6)
# comprehension-required attributes that we know: without credentials they say nothing to us
_KNOWN = frozenset({0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E})
_FINGERPRINT_MASK = 0x5354554E  # RFC 8489 14.7


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding request, or an indication, which is not answered."""

    transaction: bytes  # the cookie and the transaction ID
    wants_answer: bool
    change: int = 0  # flags of CHANGE-REQUEST
    fingerprint: bool = False  # the answer carries one too
    unknown: tuple[int, ...] = ()  # comprehension-required attributes that we do not know

    @property
    def classic(self) -> bool:
        """True for a client of RFC 3489, which knows MAPPED-ADDRESS only (RFC 5389 12.2)."""
        return self.transaction[:4] != _COOKIE


def looks_like_stun(data: bytes) -> bool:
    """True if these octets claim to be STUN: they begin with two zero bits and are no CRLF before a
    SIP message."""
    if len(data) < HEAD or data[0] >= FIRST_OF_SIP:
        return False
    return data[4:8] == _COOKIE or data[:2] == b"\0\1"


def read_binding(data: bytes, *, behaviour: bool = False) -> Binding | None:
    """Understand a binding request or indication; None for anything else, which is dropped.

    `behaviour`: CHANGE-REQUEST is known, as a server with two addresses must (RFC 5780 7.2).
    """
    if len(data) > LARGEST or len(data) < HEAD:
        return None
    kind, length = struct.unpack_from("!HH", data)
    if kind not in (_REQUEST, _INDICATION) or length % 4 or HEAD + length != len(data):
        return None
    transaction = data[4:HEAD]
    if kind == _INDICATION and transaction[:4] != _COOKIE:
        return None
    change, unknown = 0, []
    fingerprint = sealed = False
    offset = HEAD
    while offset < len(data):
        if fingerprint:
            return None  # RFC 8489 14.7: it is the last attribute
        name, size = struct.unpack_from("!HH", data, offset)
        value = data[offset + 4 : offset + 4 + size]
        if len(value) < size:
            return None
        if name == _FINGERPRINT:
            if not _fingerprint_holds(data, offset, value):
                return None  # RFC 8489 6.3
            fingerprint = True
        elif sealed:
            pass
        elif name == _CHANGE_REQUEST and behaviour:
            if size != 4:
                return None
            change = value[3] & (CHANGE_IP | CHANGE_PORT)
        elif name < 0x8000 and name not in _KNOWN:
            unknown.append(name)
        sealed = sealed or name in _INTEGRITY
        offset += 4 + size + -size % 4
    return Binding(transaction, kind == _REQUEST, change, fingerprint, tuple(unknown))


def answer(
    request: Binding,
    source: Address,
    *,
    origin: Address | None = None,
    other: Address | None = None,
) -> bytes:
    """The success response, which tells the client its address.

    `origin` is the address that the answer leaves from and `other` the one with the other host and
    port, for servers of RFC 5780.
    """
    attributes = []
    if request.classic:
        attributes.append(_attribute(_MAPPED_ADDRESS, _address(source)))
    else:
        mapped = _masked(_address(source), request.transaction)
        attributes.append(_attribute(_XOR_MAPPED_ADDRESS, mapped))
    if origin is not None:
        attributes.append(_attribute(_RESPONSE_ORIGIN, _address(origin)))
    if other is not None:
        attributes.append(_attribute(_OTHER_ADDRESS, _address(other)))
    return _message(_SUCCESS, request, attributes)


def refuse(request: Binding) -> bytes:
    """The 420 for attributes that we would have to understand (RFC 8489 6.3.1)."""
    listed = request.unknown[:LISTED]
    error = struct.pack("!HBB", 0, 4, 20) + b"Unknown Attribute"
    names = struct.pack(f"!{len(listed)}H", *listed)
    return _message(
        _ERROR,
        request,
        [_attribute(_ERROR_CODE, error), _attribute(_UNKNOWN_ATTRIBUTES, names)],
    )


def _message(kind: int, request: Binding, attributes: list[bytes]) -> bytes:
    body = b"".join(attributes)
    size = len(body) + (8 if request.fingerprint else 0)  # the length covers the fingerprint too
    message = struct.pack("!HH", kind, size) + request.transaction + body
    if request.fingerprint:
        value = crc32(message) ^ _FINGERPRINT_MASK
        message += _attribute(_FINGERPRINT, struct.pack("!I", value))
    return message


def _attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4)


def _address(address: Address) -> bytes:
    packed = ip_address(address[0].partition("%")[0]).packed
    return struct.pack("!BBH", 0, 1 if len(packed) == 4 else 2, address[1]) + packed


def _masked(address: bytes, mask: bytes) -> bytes:
    """Port and address XORed with cookie and transaction ID (RFC 8489 14.2), so that no NAT that
    rewrites addresses in payloads spoils them."""
    port = bytes(a ^ b for a, b in zip(address[2:4], mask, strict=False))
    return address[:2] + port + bytes(a ^ b for a, b in zip(address[4:], mask, strict=False))


def _fingerprint_holds(data: bytes, offset: int, value: bytes) -> bool:
    return (
        len(value) == 4
        and crc32(data[:offset]) ^ _FINGERPRINT_MASK == struct.unpack("!I", value)[0]
    )
