"""A process of its own that sends damaged SIP messages: the same ones for the same seed. Prints how
many it sent.

They leave from 127.0.0.2, so that a ban of the sender does not hit the prober.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import time
from collections.abc import Callable

from benchmarks.servers import DOMAIN

__all__ = ["main", "mutate"]

SOURCE = "127.0.0.2"
VARIANTS = 2000  # made beforehand, then sent in turns
TICK_SECONDS = 0.001

_HEADERS = (
    "Via: SIP/2.0/UDP {source}:{port};rport;branch=z9hG4bKflood{number}\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Flood" <sip:flood@{domain}>;tag=f{number}\r\n'
    "To: <sip:u1@{domain}>\r\n"
    "Call-ID: flood{number}@{source}\r\n"
    "CSeq: {number} {method}\r\n"
    "Contact: <sip:flood@{source}:{port}>\r\n"
    "Supported: path, replaces\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)
_BODY = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\n"
)
_STARTS = {
    "REGISTER": "REGISTER sip:{domain} SIP/2.0\r\n",
    "INVITE": "INVITE sip:nobody@{domain} SIP/2.0\r\n",
    "BYE": "BYE sip:u1@{domain} SIP/2.0\r\n",
    "ACK": "ACK sip:u1@{domain} SIP/2.0\r\n",
    "CANCEL": "CANCEL sip:u1@{domain} SIP/2.0\r\n",
    "OPTIONS": "OPTIONS sip:{domain} SIP/2.0\r\n",
    "RESPONSE": "SIP/2.0 200 OK\r\n",
}
_PIECES = [b"\r\n", b"\n", b"\r", b"\0", b"\xff\xfe", b"\\", b"%", b"[::", b"=" * 40] + [
    bytes([value]) for value in b':;,"<> \t'
]
_NUMBERS = [b"-1", b"4294967296", b"99999999999999999999", b"0", b"1e9", b"65536"]


def _message(number: int, port: int) -> bytes:
    kind = list(_STARTS)[number % len(_STARTS)]
    method = "INVITE" if kind == "RESPONSE" else kind
    text = (_STARTS[kind] + _HEADERS + _BODY).format(
        source=SOURCE, port=port, number=number, domain=DOMAIN, method=method, length=len(_BODY)
    )
    return text.encode()


def _flip(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _cut(data: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.randint(1, 60) :]


def _truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(1, len(data))]


def _insert(data: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + dice.choice(_PIECES) * dice.choice((1, 1, 2, 200)) + data[start:]


def _repeat_line(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\r\n")
    place = dice.randrange(len(lines))
    lines[place:place] = [lines[place]] * dice.choice((1, 3, 100))
    return b"\r\n".join(lines)


def _swap_lines(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\r\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\r\n".join(lines)


def _change_number(data: bytes, dice: random.Random) -> bytes:
    digits = [place for place, value in enumerate(data) if 48 <= value <= 57]
    place = dice.choice(digits)
    return data[:place] + dice.choice(_NUMBERS) + data[place + 1 :]


_MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    _flip,
    _cut,
    _truncate,
    _insert,
    _repeat_line,
    _swap_lines,
    _change_number,
]


def mutate(data: bytes, dice: random.Random) -> bytes:
    """The message with one to three damages, never empty, and small enough for one datagram."""
    for _ in range(dice.randint(1, 3)):
        with contextlib.suppress(ValueError, IndexError):
            data = dice.choice(_MUTATIONS)(data, dice) or data
    return data[:60000]


def _flood(
    sender: socket.socket, variants: list[bytes], *, server: int, rate: float, seconds: float
) -> int:
    """Send at `rate`, in small portions; `rate` 0 sends as fast as it can."""
    started = time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - started) < seconds:
        due = int(elapsed * rate) if rate else sent + 100
        for number in range(sent, due):
            with contextlib.suppress(OSError):
                sender.sendto(variants[number % len(variants)], ("127.0.0.1", server))
        sent = max(sent, due)
        if rate:
            time.sleep(TICK_SECONDS)
    return sent


def main() -> int:
    """Flood, then print the number of messages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", type=int, required=True, help="UDP port of 127.0.0.1")
    parser.add_argument(
        "--rate", type=float, default=5000.0, help="messages a second, 0 for as many as possible"
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((SOURCE, 0))
        port = sender.getsockname()[1]
        variants = [mutate(_message(number, port), dice) for number in range(VARIANTS)]
        print(
            _flood(
                sender,
                variants,
                server=arguments.server,
                rate=arguments.rate,
                seconds=arguments.seconds,
            )
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
