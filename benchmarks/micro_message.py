"""What the message layer costs, in µs a call: parse, core, validate, forward, reply, stamp,
pop_via.

The caches of URIs and addresses are a part of the design, so each step is shown twice: with one
message over and over, and ("fresh") with messages whose tags, branches and users all differ.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence

from offhook.message import Message, Role, StreamFramer, parse, validate

SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\n"
    b"t=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
VIA = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1a2b3c4d.0001"
ROUNDS = 7
FRESH = 2_000


def invite(number: int) -> bytes:
    """An INVITE of about 850 octets; what names the call differs by `number`."""
    head = (
        f"INVITE sip:service{number}@198.51.100.7:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bK-{number}-1-0;rport\r\n"
        f'From: "Caller {number}" <sip:caller{number}@example.com>;tag={number}SIPpTag00\r\n'
        f"To: <sip:service{number}@198.51.100.7:5060>\r\n"
        f"Call-ID: {number}-2391@192.0.2.10\r\n"
        "CSeq: 1 INVITE\r\n"
        f"Contact: <sip:caller{number}@192.0.2.10:5061;transport=udp>\r\n"
        "Max-Forwards: 70\r\n"
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, MESSAGE, NOTIFY, REFER\r\n"
        "Supported: replaces, timer, 100rel, path, outbound, gruu\r\n"
        "User-Agent: Benchmark phone 1.0\r\n"
        "X-Account: 4711\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(SDP)}\r\n\r\n"
    )
    return head.encode() + SDP


def answer(number: int) -> bytes:
    """The 200 of that INVITE as it comes back to the proxy."""
    request = parse(invite(number))
    request.insert("Via", VIA)
    request.insert("Record-Route", "<sip:198.51.100.7;lr;token=0123456789abcdef>")
    headers = [("Contact", "<sip:service@192.0.2.20:5060>"), ("Content-Type", "application/sdp")]
    return request.reply(200, "OK", to_tag=f"{number}uas", headers=headers, body=SDP)


def measure(step: Callable[[], object], times: int) -> float:
    """The best of several rounds, in µs a call."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(times):
            step()
        best = min(best, time.perf_counter() - begin)
    return best / times * 1e6


def over(
    messages: Sequence[bytes],
    prepare: Callable[[bytes], Message],
    step: Callable[[Message], object],
) -> float:
    """The best of several rounds of `step` over freshly parsed messages, in µs a call."""
    best = float("inf")
    for _ in range(ROUNDS):
        ready = [prepare(data) for data in messages]
        begin = time.perf_counter()
        for message in ready:
            step(message)
        best = min(best, time.perf_counter() - begin)
    return best / len(messages) * 1e6


def reading(messages: Sequence[bytes]) -> float:
    """The best of several rounds of parse, in µs a message."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for data in messages:
            parse(data)
        best = min(best, time.perf_counter() - begin)
    return best / len(messages) * 1e6


def with_core(data: bytes) -> Message:
    """A message whose core values were read."""
    message = parse(data)
    message.core()
    return message


def hot_way(data: bytes) -> object:
    """What every received message pays."""
    message = parse(data)
    message.core()
    return validate(message, Role.PROXY)


def rows(requests: Sequence[bytes], responses: Sequence[bytes]) -> dict[str, float]:
    """Every step over these messages."""
    return {
        "parse INVITE": reading(requests),
        "core": over(requests, parse, lambda message: message.core()),
        "validate proxy": over(requests, with_core, lambda message: validate(message, Role.PROXY)),
        "validate uas": over(requests, with_core, lambda message: validate(message, Role.UAS)),
        "stamp": over(requests, with_core, lambda message: message.stamp("203.0.113.9", 40001)),
        "forward": over(
            requests, with_core, lambda message: message.forward("sip:bob@192.0.2.20:5060", VIA, 69)
        ),
        "reply 100": over(requests, with_core, lambda message: message.reply(100, "Trying")),
        "reply 401": over(
            requests,
            with_core,
            lambda message: message.reply(
                401, "Unauthorized", to_tag="abc", headers=[("WWW-Authenticate", "Digest x")]
            ),
        ),
        "parse 200": reading(responses),
        "core 200": over(responses, parse, lambda message: message.core()),
        "pop_via 200": over(responses, with_core, lambda message: message.pop_via()),
    }


def main() -> None:
    """Print the table."""
    one, one_answer = invite(1), answer(1)
    print(
        f"{platform.python_implementation()} {platform.python_version()}, INVITE {len(one)} octets"
    )
    same = rows([one] * FRESH, [one_answer] * FRESH)
    fresh = rows(
        [invite(number) for number in range(FRESH * 2, FRESH * 3)],
        [answer(number) for number in range(FRESH * 2, FRESH * 3)],
    )
    for name, value in same.items():
        print(f"{name:16} {value:6.2f}   fresh {fresh[name]:6.2f}")
    print(f"{'way in':16} {measure(lambda: hot_way(one), FRESH):6.2f}   parse + core + validate")
    framer = StreamFramer()
    print(
        f"{'frame':16} {measure(lambda: framer.feed(one), FRESH):6.2f}   one message in one chunk"
    )


if __name__ == "__main__":
    main()
