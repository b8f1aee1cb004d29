"""Thousands of damaged messages: the exchange goes on answering and does not grow.

The damage is drawn from a seed, so a run repeats. ``OFFHOOK_MUTATIONS`` raises the number of
messages.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.wire import Draft, Wire, answers

MESSAGES = int(os.environ.get("OFFHOOK_MUTATIONS", "5000"))
SEED = 20_261
CHECK_EVERY = 50
WARM_UP = 500
GROWTH_BYTES = 64 * 1024 * 1024
"""Finished transactions stay for 32 seconds (RFC 6026): thousands at about 10 kB are no leak."""

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(120 + MESSAGES // 50)]

BODY = (
    "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
)
PLANTED = [
    b"\x00", b"\xff\xfe", b"\r\n", b"\n", b"\r\n\r\n", b"\r\n ", b'"', b"<", b">", b";", b",", b"@",
    b"%00", b"%", b"[", b"]", b":", b"::", b"sip:", b"sips:", b"tel:", b"=", b"\x0b", b"\xc2\x85",
    b"\xe2\x80\xa8", b"4294967296", b"-1", b"99999999999999999999", b"z9hG4bK", b"SIP/2.0", b"*",
    b";lr", b";maddr=255.255.255.255", b";rport=70000", b"Content-Length: 7\r\n", b"A" * 3000,
]  # fmt: skip


def originals(wire: Wire, number: int) -> bytes:
    """One whole message, of a kind that changes with ``number``."""
    user = f"sip:user{number % 20}@example.com"
    kinds = [
        (Draft("REGISTER", "sip:example.com", user, f"<{user}>"), {"Expires": "60"}),
        (Draft("INVITE", user, body=BODY), {"Content-Type": "application/sdp"}),
        (Draft("OPTIONS", "sip:example.com"), {"Accept": "application/sdp, text/*;q=0.5"}),
        (Draft("ACK", user, to=f"<{user}>;tag=1"), {"Route": "<sip:127.0.0.1;lr>"}),
        (Draft("BYE", user, to=f"<{user}>;tag=1"), {}),
        (Draft("CANCEL", user), {}),
        (Draft("SUBSCRIBE", user), {"Event": "presence", "Expires": "60"}),
        (Draft("MESSAGE", user, body="hello"), {"Content-Type": "text/plain"}),
        (Draft("PUBLISH", user), {"Event": "presence", "Authorization": 'Digest username="a"'}),
    ]
    draft, headers = kinds[number % len(kinds)]
    message = draft.write(wire, headers)
    if number % 10 == 9:
        return b"SIP/2.0 200 OK\r\n" + message.partition(b"\r\n")[2]
    return message


def mutated(message: bytes, dice: random.Random) -> bytes:
    """The message with one to four kinds of damage."""
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(message) + 1)
        length = dice.randint(1, 12)
        lines = message.split(b"\r\n")
        line = dice.randrange(len(lines))
        match dice.randrange(7):
            case 0:
                message = message[:place] + dice.randbytes(length) + message[place + length :]
            case 1:
                message = message[:place] + dice.choice(PLANTED) + message[place:]
            case 2:
                message = message[:place] + message[place + length :]
            case 3:
                lines.insert(dice.randrange(len(lines)), lines[line])
                message = b"\r\n".join(lines)
            case 4:
                del lines[line]
                message = b"\r\n".join(lines)
            case 5:
                message = message[:place] or b"\r\n"
            case _:
                lines[line] = lines[line].swapcase()
                message = b"\r\n".join(lines)
    return message[:60_000]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    """An open exchange: nothing stops a message before it is looked at."""
    profile = Profile("open", ("udp", "tcp"), authenticate=False, registrar=True)
    with serving(tmp_path / "exchange", Setup((profile,))) as running:
        yield running


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_damaged_messages_cost_themselves_only(exchange: Exchange, transport: str) -> None:
    dice = random.Random(f"{SEED}-{transport}")
    address = exchange.endpoint.address(transport)
    count = MESSAGES // 2
    settled = 0
    wire = Wire(address, transport)
    for number in range(count):
        if wire.closed:
            wire.close()
            wire = Wire(address, transport)
        message = mutated(originals(wire, number), dice)
        wire.send(message)
        while wire.receive(0.0005) is not None:
            continue
        if number % 10 == 9 and transport == "tcp":
            wire.close()
            wire = Wire(address, transport)
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            alive = exchange.running.running and answers(address, transport)
            assert alive, exchange.running.failure(
                f"no answer after message {number}; the last one was {message!r}"
            )
        if number == min(WARM_UP, count // 2):
            settled = exchange.resident_bytes()
    wire.close()
    growth = exchange.resident_bytes() - settled
    assert growth < GROWTH_BYTES, f"grew by {growth / 2**20:.1f} MiB over {count} messages"
    assert "Traceback" not in exchange.running.output
