"""STUN by octets: the samples of RFC 5769, unknown attributes, garbage."""

from __future__ import annotations

import random
import struct
from binascii import crc32

import pytest

from offhook.transport.stun import (
    CHANGE_IP,
    CHANGE_PORT,
    answer,
    looks_like_stun,
    read_binding,
    refuse,
)

COOKIE = bytes.fromhex("2112a442")
TRANSACTION = COOKIE + bytes.fromhex("b7e7a701bc34d686fa87dfae")
SAMPLE_REQUEST = bytes.fromhex(
    "00010058 2112a442 b7e7a701bc34d686fa87dfae"
    "80220010 5354554e207465737420636c69656e74"
    "00240004 6e0001ff"
    "80290008 932ff9b151263b36"
    "00060009 6576746a3a68367659202020"
    "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004 e57a3bcf"
)


def message(*attributes: bytes, kind: int = 1, transaction: bytes = TRANSACTION) -> bytes:
    """A message with these attributes."""
    body = b"".join(attributes)
    return struct.pack("!HH", kind, len(body)) + transaction + body


def attribute(name: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4)


def attributes_of(data: bytes) -> dict[int, bytes]:
    """The attributes of an answer; fails if the length is wrong."""
    assert struct.unpack_from("!H", data, 2)[0] == len(data) - 20
    found = {}
    offset = 20
    while offset < len(data):
        name, size = struct.unpack_from("!HH", data, offset)
        found[name] = data[offset + 4 : offset + 4 + size]
        offset += 4 + size + -size % 4
    return found


@pytest.mark.rfc("5626", "8")
@pytest.mark.rfc("8489", "14.2")
@pytest.mark.parametrize(
    ("source", "xored"),
    [  # RFC 5769 2.2 and 2.3
        (("192.0.2.1", 32853), "0001a147e112a643"),
        (
            ("2001:db8:1234:5678:11:2233:4455:6677", 32853),
            "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
        ),
    ],
)
def test_the_answer_tells_the_source(source: tuple[str, int], xored: str) -> None:
    request = read_binding(message())
    assert request is not None
    assert request.wants_answer
    data = answer(request, source)
    assert data[:2] == b"\x01\x01"
    assert data[4:20] == TRANSACTION
    assert attributes_of(data) == {0x20: bytes.fromhex(xored)}


@pytest.mark.rfc("8489", "14.7")
def test_a_fingerprint_is_checked_and_answered_with_one() -> None:
    request = read_binding(SAMPLE_REQUEST)
    assert request is not None
    assert request.fingerprint
    assert request.unknown == (0x24,)  # PRIORITY is for ICE, not for us
    data = answer(request, ("192.0.2.1", 5060))
    value = struct.unpack("!I", attributes_of(data)[0x8028])[0]
    assert value == crc32(data[:-8]) ^ 0x5354554E
    spoiled = SAMPLE_REQUEST[:-1] + b"\0"
    assert looks_like_stun(spoiled)
    assert read_binding(spoiled) is None
    assert read_binding(message(SAMPLE_REQUEST[-8:], attribute(0x8022, b"late"))) is None


@pytest.mark.rfc("8489", "6.3.1")
def test_what_we_would_have_to_understand_is_a_420() -> None:
    names = range(0x7000, 0x7020)
    request = read_binding(message(*[attribute(name, b"") for name in names]))
    assert request is not None
    data = refuse(request)
    found = attributes_of(data)
    assert data[:2] == b"\x01\x11"
    assert found[9] == b"\0\0\4\x14Unknown Attribute"
    assert found[10] == struct.pack("!8H", *range(0x7000, 0x7008))
    assert len(data) < 4 * 32


def test_optional_attributes_and_credentials_are_passed_over() -> None:
    request = read_binding(
        message(
            attribute(0x8022, b"client"),
            attribute(6, b"user"),
            attribute(8, bytes(20)),
            attribute(0x7001, b"behind the integrity"),
        )
    )
    assert request is not None
    assert request.unknown == ()


@pytest.mark.rfc("5780", "7.2")
def test_change_request_is_known_only_where_there_are_two_addresses() -> None:
    asked = message(attribute(3, struct.pack("!I", CHANGE_IP | CHANGE_PORT | 1)))
    request = read_binding(asked, behaviour=True)
    assert request is not None
    assert (request.change, request.unknown) == (CHANGE_IP | CHANGE_PORT, ())
    request = read_binding(asked)
    assert request is not None
    assert (request.change, request.unknown) == (0, (3,))
    assert read_binding(message(attribute(3, b"\0\0")), behaviour=True) is None


@pytest.mark.rfc("5780", "7.3")
def test_a_server_with_two_addresses_names_them() -> None:
    request = read_binding(message())
    assert request is not None
    data = answer(request, ("192.0.2.9", 1), origin=("192.0.2.1", 3478), other=("192.0.2.2", 3479))
    found = attributes_of(data)
    assert found[0x802B] == bytes.fromhex("00010d96c0000201")
    assert found[0x802C] == bytes.fromhex("00010d97c0000202")


def test_a_classic_client_gets_its_plain_address() -> None:
    data = message(transaction=b"0123456789abcdef")
    assert looks_like_stun(data)
    request = read_binding(data)
    assert request is not None
    assert attributes_of(answer(request, ("192.0.2.1", 258))) == {1: b"\0\1\1\2\xc0\0\2\1"}


def test_an_indication_wants_no_answer() -> None:
    request = read_binding(message(kind=0x11))
    assert request is not None
    assert not request.wants_answer


@pytest.mark.parametrize(
    "data",
    [
        message(kind=0x101),
        message(kind=3),
        message()[:-1],
        message() + b"\0",
        message(b"\0\0\0"),
        message(attribute(0x8022, b"abcd")[:-4]),
        message(struct.pack("!HH", 0x8022, 9)),
        message(struct.pack("!HH", 0x8022, 0xFFFF)),
        message(attribute(0x8028, b"\0\0")),
        message(attribute(0x8022, bytes(600))),
        b"",
    ],
)
def test_garbage_is_nothing(data: bytes) -> None:
    assert read_binding(data) is None


@pytest.mark.parametrize(
    ("data", "claims"),
    [
        (message(), True),
        (message(kind=0x3FFF), True),
        (b"\r\n\r\nINVITE sip:bob@example.com SIP/2.0\r\n", False),
        (b"INVITE sip:bob@example.com SIP/2.0\r\n", False),
        (bytes(40), False),
        (message()[:19], False),
    ],
)
def test_stun_is_told_from_sip(data: bytes, claims: bool) -> None:
    assert looks_like_stun(data) is claims


def test_no_mutation_raises() -> None:
    rng = random.Random(3)
    understood = 0
    for _ in range(3000):
        data = bytearray(
            SAMPLE_REQUEST if rng.random() < 0.5 else message(attribute(3, b"\0\0\0\6"))
        )
        for _ in range(rng.randint(0, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        request = read_binding(bytes(data), behaviour=rng.random() < 0.5)
        if request is not None:
            understood += 1
            assert len(answer(request, ("192.0.2.1", 1))) < 60
            assert len(refuse(request)) < 100
    assert understood > 100
