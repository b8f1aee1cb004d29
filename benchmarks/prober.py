"""A process of its own that asks a loaded server at a steady, low rate and tells how long the
answers took.

`options` asks the server itself. `call` sets up a whole call through it: the prober is caller and
callee, the time is that from the INVITE to its 200. Arrival times are the kernel's, and the process
runs before SIPp on their common core, so that the load's own delays are left out. Prints one JSON
object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass

from benchmarks.servers import DOMAIN

__all__ = ["main"]

ANSWER_SECONDS = 1.0  # a probe without an answer by then is lost
MAX_DATAGRAM = 65535
SO_TIMESTAMPNS = 35  # Linux; the module `socket` has no name for it on 3.11
USER = f"prober{os.getpid()}"  # a binding of its own, or the call would fork to earlier ones


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram and the time of its arrival in nanoseconds since 1970."""

    data: bytes
    nanoseconds: int

    def first_line(self) -> str:
        """The start line."""
        return self.data.split(b"\r\n", 1)[0].decode("latin-1")

    def header(self, name: str) -> list[str]:
        """Values of a header written in its long form."""
        prefix = f"{name.lower()}:"
        lines = self.data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")[1:]
        return [line.partition(":")[2].strip() for line in lines if line.lower().startswith(prefix)]


class Port:
    """A UDP socket of 127.0.0.1 that talks with the server alone."""

    def __init__(self, server: int) -> None:
        """Binds a free port."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number: int = self.socket.getsockname()[1]
        self._server = ("127.0.0.1", server)

    def send(self, lines: list[str]) -> int:
        """Send a message without body; returns the time in nanoseconds since 1970."""
        data = "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode("latin-1")
        now = time.time_ns()
        self.socket.sendto(data, self._server)
        return now

    def receive(self) -> Arrival:
        """The next datagram."""
        data, ancillary, _, _ = self.socket.recvmsg(MAX_DATAGRAM, 64)
        for _, kind, value in ancillary:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value[:16])
                return Arrival(data, seconds * 1_000_000_000 + nanoseconds)
        return Arrival(data, time.time_ns())


class Prober:
    """Asks one question at a time."""

    def __init__(self, server: int) -> None:
        """`server` is a port of 127.0.0.1."""
        self._server = server
        self._caller = Port(server)
        self._callee = Port(server)
        self._number = 0

    def register(self) -> None:
        """Bind the callee. Raises SystemExit if the server refuses."""
        uri = f"sip:{USER}@{DOMAIN}"
        call_id = f"register-{os.getpid()}@127.0.0.1"
        contact = f"Contact: <sip:{USER}@127.0.0.1:{self._callee.number}>"
        head = self._head(self._callee, "REGISTER", f"sip:{DOMAIN}", call_id)
        self._callee.send(
            [*head, f"To: <{uri}>", f"From: <{uri}>;tag=1", "CSeq: 1 REGISTER", contact]
        )
        if not select.select([self._callee.socket], [], [], ANSWER_SECONDS)[0]:
            sys.exit("the prober's REGISTER got no answer")
        answer = self._callee.receive().first_line()
        if " 200 " not in answer:
            sys.exit(f"the prober's REGISTER was refused: {answer}")

    def options(self) -> float | None:
        """Seconds until any final response to an OPTIONS, None if there was none in time."""
        call_id = self._next_call_id()
        uri = f"sip:127.0.0.1:{self._server}"
        head = self._head(self._caller, "OPTIONS", uri, call_id)
        sent = self._caller.send([*head, f"To: <{uri}>", f"From: <{uri}>;tag=1", "CSeq: 1 OPTIONS"])
        answer = self._answer(call_id, "OPTIONS")
        return None if answer is None else (answer.nanoseconds - sent) / 1e9

    def call(self) -> float | None:
        """Seconds from an INVITE to its 200, None if there was none in time. The call is ended."""
        call_id = self._next_call_id()
        callee = f"sip:{USER}@{DOMAIN}"
        parties = [
            f"From: <sip:caller@{DOMAIN}>;tag=1",
            f"Contact: <sip:caller@127.0.0.1:{self._caller.number}>",
        ]
        head = self._head(self._caller, "INVITE", callee, call_id)
        sent = self._caller.send([*head, f"To: <{callee}>", *parties, "CSeq: 1 INVITE"])
        answer = self._answer(call_id, "INVITE")
        if answer is None:
            return None
        target = answer.header("Contact")[0].strip("<>")
        dialog = [f"To: {answer.header('To')[0]}", *parties]
        dialog += [f"Route: {value}" for value in reversed(answer.header("Record-Route"))]
        for method, number in (("ACK", 1), ("BYE", 2)):
            head = self._head(self._caller, method, target, call_id)
            self._caller.send([*head, *dialog, f"CSeq: {number} {method}"])
        self._answer(call_id, "BYE")
        return (answer.nanoseconds - sent) / 1e9

    def _next_call_id(self) -> str:
        self._number += 1
        return f"{self._number}-{os.getpid()}@127.0.0.1"

    def _head(self, port: Port, method: str, uri: str, call_id: str) -> list[str]:
        branch = f"z9hG4bKprobe{os.getpid()}x{self._number}{method}"
        via = f"Via: SIP/2.0/UDP 127.0.0.1:{port.number};rport;branch={branch}"
        return [f"{method} {uri} SIP/2.0", via, "Max-Forwards: 70", f"Call-ID: {call_id}"]

    def _answer(self, call_id: str, method: str) -> Arrival | None:
        """Play the callee until the caller has its 200 (of an OPTIONS: any final response)."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            ready = select.select([self._caller.socket, self._callee.socket], [], [], left)[0]
            if self._callee.socket in ready:
                self._serve(self._callee.receive())
            if self._caller.socket in ready:
                arrival = self._caller.receive()
                ours = arrival.header("Call-ID") == [call_id] and arrival.header("CSeq")[
                    0
                ].endswith(method)
                if ours and not arrival.first_line().startswith("SIP/2.0 1"):
                    return (
                        arrival if method == "OPTIONS" or " 200 " in arrival.first_line() else None
                    )
        return None

    def _serve(self, request: Arrival) -> None:
        """Answer what arrives at the callee."""
        if request.first_line().startswith(("ACK ", "SIP/2.0")):
            return
        lines = ["SIP/2.0 200 OK"]
        for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq"):
            lines += [f"{name}: {value}" for value in request.header(name)]
        to = request.header("To")[0]
        lines.append(f"To: {to}" if "tag=" in to else f"To: {to};tag=2")
        self._callee.send([*lines, f"Contact: <sip:{USER}@127.0.0.1:{self._callee.number}>"])


def _run(prober: Prober, kind: str, rate: float, seconds: float) -> list[float | None]:
    ask = prober.options if kind == "options" else prober.call
    started = time.monotonic()
    results: list[float | None] = []
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        if time.monotonic() > started + seconds:
            break
        results.append(ask())
    return results


def main() -> int:
    """Run the probes and print `{"lost": ..., "seconds": [...]}`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["options", "call"])
    parser.add_argument("--server", type=int, required=True, help="UDP port of 127.0.0.1")
    parser.add_argument("--rate", type=float, default=50.0, help="probes a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    prober = Prober(arguments.server)
    if arguments.kind == "call":
        prober.register()
    results = _run(prober, arguments.kind, arguments.rate, arguments.seconds)
    print(
        json.dumps(
            {"lost": results.count(None), "seconds": [item for item in results if item is not None]}
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
