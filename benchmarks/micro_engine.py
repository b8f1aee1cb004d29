"""What the core costs for a REGISTER and for each message of a proxied call, without sockets.

`--profile` prints where the time of the calls goes, function by function; `--profile register` does
that for REGISTER. The profiler makes small functions look dearer than they are: compare shares.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.memory_exchange import CALLEE, CALLER, MemoryExchange
from benchmarks.servers import DOMAIN
from benchmarks.timing import ROUNDS, Timing, show
from offhook.engine.actions import Send
from offhook.message import parse

__all__ = ["main", "register_request"]

CALLS = 2000
REPLY_HEADERS = ("Via", "Record-Route", "From", "Call-ID", "CSeq")
SDP = (
    b"v=0\r\no=- 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


@dataclass(slots=True)
class Stage:
    """One kind of message, fed to the exchange in one go; `sent` is what came out."""

    name: str
    microseconds: float
    sent: list[Send] = field(repr=False, default_factory=list)


def _message(lines: Sequence[str], body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _head(method: str, uri: str, number: int, *, port: int, tag: str = "") -> list[str]:
    to = f";tag={tag}" if tag else ""
    return [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK{number}{method}",
        "Max-Forwards: 70",
        f'From: "Caller" <sip:caller{number}@{DOMAIN}>;tag=c{number}',
        f"To: <sip:u{number}@{DOMAIN}>{to}",
        f"Call-ID: {number}-4711@127.0.0.1",
        "User-Agent: offhook benchmark",
    ]


def register_request(number: int, sequence: int) -> bytes:
    """A REGISTER of one user."""
    head = _head("REGISTER", f"sip:{DOMAIN}", number, port=CALLEE[1])
    contact = f"Contact: <sip:u{number}@127.0.0.1:{CALLEE[1]}>"
    return _message([*head, f"CSeq: {sequence} REGISTER", contact, "Expires: 3600"])


def _invite(number: int) -> bytes:
    head = _head("INVITE", f"sip:u{number}@{DOMAIN}", number, port=CALLER[1])
    contact = f"Contact: <sip:caller@127.0.0.1:{CALLER[1]}>"
    allow = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
    lines = [*head, "CSeq: 1 INVITE", contact, allow, "Supported: replaces, timer"]
    return _message([*lines, "Content-Type: application/sdp"], SDP)


def _in_dialog(method: str, number: int, route: Sequence[str]) -> bytes:
    uri = f"sip:u{number}@127.0.0.1:{CALLEE[1]}"
    head = _head(method, uri, number, port=CALLER[1], tag=f"s{number}")
    sequence = 1 if method == "ACK" else 2
    routes = [f"Route: {value}" for value in reversed(route)]
    return _message([*head, *routes, f"CSeq: {sequence} {method}"])


def _reply(request: bytes, status: str, body: bytes = b"") -> bytes:
    """The answer of the callee."""
    message = parse(request)
    lines = [f"SIP/2.0 {status}"]
    for name in REPLY_HEADERS:
        lines += [f"{name}: {value}" for value in message.get_all(name.lower())]
    to = message.get("to") or ""
    number = message.core().call_id.partition("-")[0]
    lines.append(f"To: {to}" if ";tag=" in to else f"To: {to};tag=s{number}")
    lines.append(f"Contact: <sip:u{number}@127.0.0.1:{CALLEE[1]}>")
    return _message(lines, body)


class Run:
    """Some calls from REGISTER to the end of their last transaction, all in step."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self.exchange = MemoryExchange()
        self.stages: list[Stage] = []
        self._profile: cProfile.Profile | None = None

    def profile(self, profile: cProfile.Profile) -> None:
        """From now on profile the exchange."""
        self._profile = profile

    def feed(self, name: str, remote: tuple[str, int], messages: Sequence[bytes]) -> list[Send]:
        """Time one stage."""
        flow, receive = self.exchange.flow(remote), self.exchange.receive
        gc.collect()

        def work() -> None:
            for data in messages:
                receive(flow, data)

        return self._timed(name, work)

    def _timed(self, name: str, work: Callable[[], None]) -> list[Send]:
        gc.disable()
        if self._profile is not None:
            self._profile.enable()
        started = time.perf_counter()
        work()
        elapsed = time.perf_counter() - started
        if self._profile is not None:
            self._profile.disable()
        gc.enable()
        sent = self.exchange.take()
        self.stages.append(Stage(name, elapsed / self._calls * 1e6, sent))
        return sent

    def register(self, name: str = "REGISTER", *, sequence: int = 1) -> None:
        """Bind every user, or refresh the bindings with a higher `sequence`."""
        requests = [register_request(number, sequence) for number in range(self._calls)]
        sent = self.feed(name, CALLEE, requests)
        self._check(name, sum(item.data.startswith(b"SIP/2.0 200 ") for item in sent))

    def call(self) -> None:
        """INVITE, 180, 200, ACK, BYE, 200 for every user."""
        numbers = range(self._calls)
        sent = self.feed("INVITE", CALLER, [_invite(number) for number in numbers])
        invites = [item.data for item in sent if item.flow.remote == CALLEE]
        self._check("INVITE", len(invites))
        self.feed("180", CALLEE, [_reply(data, "180 Ringing") for data in invites])
        answers = self.feed("200", CALLEE, [_reply(data, "200 OK", SDP) for data in invites])
        self._check("200", len(answers))
        routes = [parse(item.data).get_all("record-route") for item in answers]
        acks = [_in_dialog("ACK", number, routes[number]) for number in numbers]
        self._check("ACK", len(self.feed("ACK", CALLER, acks)))
        byes = [_in_dialog("BYE", number, routes[number]) for number in numbers]
        sent = self.feed("BYE", CALLER, byes)
        passed = [item.data for item in sent if item.flow.remote == CALLEE]
        self._check("BYE", len(passed))
        self.feed("200 of BYE", CALLEE, [_reply(data, "200 OK") for data in passed])

    def end(self) -> None:
        """Let the finished transactions go."""

        started = self.exchange.now

        def work() -> None:
            for second in range(1, 80):
                self.exchange.advance(started + second)

        self._timed("end of the transactions", work)

    def _check(self, name: str, count: int) -> None:
        if count != self._calls:
            raise SystemExit(f"{name}: {count} messages of {self._calls} came through")


def _best(runs: Sequence[Run], budgets: dict[str, float]) -> list[Timing]:
    """The best round of each stage."""
    timings = []
    for place, stage in enumerate(runs[0].stages):
        best = min(run.stages[place].microseconds for run in runs)
        timings.append(Timing(stage.name, best, budgets.get(stage.name)))
    return timings


def _registrations() -> Run:
    run = Run(CALLS)
    run.register("REGISTER, new")
    run.end()
    run.register("REGISTER, again", sequence=2)
    run.end()
    return run


def _calls() -> Run:
    run = Run(CALLS)
    run.register()
    run.end()
    run.stages.clear()
    run.call()
    run.end()
    return run


def _memory() -> None:
    """Bytes of what stays, by the allocator's own count."""
    run = Run(CALLS)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run.register()
    run.stages.clear()
    run.end()
    run.stages.clear()
    gc.collect()
    bound = tracemalloc.get_traced_memory()[0]
    run.call()
    run.stages.clear()
    gc.collect()
    called = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"{'a binding':34} {(bound - before) / CALLS:8.0f} bytes")
    print(f"{'a proxied transaction, finished':34} {(called - bound) / CALLS / 2:8.0f} bytes")


def _profile(kind: str, lines: int) -> None:
    profile = cProfile.Profile()
    run = Run(CALLS)
    if kind == "register":
        run.register()
        run.end()
        run.profile(profile)
        run.register(sequence=2)
    else:
        run.register()
        run.end()
        run.profile(profile)
        run.call()
    run.end()
    pstats.Stats(profile).sort_stats("tottime").print_stats(lines)


def main() -> None:
    """Print the table, or a profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", nargs="?", const="call", choices=["call", "register"])
    parser.add_argument("--lines", type=int, default=45, help="functions in the profile")
    arguments = parser.parse_args()
    if arguments.profile:
        _profile(arguments.profile, arguments.lines)
        return
    show("engine: REGISTER", _best([_registrations() for _ in range(ROUNDS)], {}))
    timings = _best([_calls() for _ in range(ROUNDS)], {})
    total = sum(timing.microseconds for timing in timings)
    show("engine: messages of a call", [*timings, Timing("a whole call", total)])
    _memory()


if __name__ == "__main__":
    main()
