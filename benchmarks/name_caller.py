"""A process of its own that calls phones whose Contact is a host name, each name asked for once.

It obeys lines on its input:

    call RATE SECONDS    registers a phone for each call, calls it, acknowledges what comes; then
                         prints one JSON object with the number of final responses by status
    end
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import socket
import sys
import time
from collections import Counter

from benchmarks.servers import DOMAIN

__all__ = ["main"]

PATIENCE = 15.0  # seconds for the last final response
TICK = 0.002
STATUS = re.compile(rb"SIP/2\.0 (\d{3})")
CALL_ID = re.compile(rb"\r\nCall-ID: *(\S+)", re.IGNORECASE)
CSEQ = re.compile(rb"\r\nCSeq: *\d+ (\w+)", re.IGNORECASE)
TO = re.compile(rb"\r\nTo: *([^\r]+)", re.IGNORECASE)


class Caller:
    """One UDP socket."""

    def __init__(self, server: int) -> None:
        self._server = ("127.0.0.1", server)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._own = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._count = 0
        self._open: dict[str, str] = {}  # Call-ID -> user
        self._finals: Counter[str] = Counter()

    def call(self, rate: float, seconds: float) -> dict[str, object]:
        """Call at a steady rate; what became of the calls."""
        self._finals.clear()
        started = time.monotonic()
        sent = 0
        while (elapsed := time.monotonic() - started) < seconds:
            for _ in range(sent, min(int(elapsed * rate), int(seconds * rate))):
                sent += 1
                self._begin()
            self._read(TICK)
        deadline = time.monotonic() + PATIENCE
        while self._open and time.monotonic() < deadline:
            self._read(0.05)
        silent = len(self._open)
        self._open.clear()
        return {"sent": sent, "finals": dict(self._finals), "silent": silent}

    def _begin(self) -> None:
        """Register a phone; its 200 is answered with the call."""
        self._count += 1
        user = f"n{os.getpid()}x{self._count}"
        self._open[user] = user
        uri = f"sip:{user}@{DOMAIN}"
        contact = f"Contact: <sip:{user}@{user}.names.example>"
        self._send("REGISTER", f"sip:{DOMAIN}", user, f"To: <{uri}>", contact, "Expires: 3600")

    def _read(self, seconds: float) -> None:
        while select.select([self._socket], [], [], seconds)[0]:
            self._received(self._socket.recv(65535))
            seconds = 0.0

    def _received(self, data: bytes) -> None:
        status, call_id, cseq = STATUS.match(data), CALL_ID.search(data), CSEQ.search(data)
        to = TO.search(data)
        if status is None or call_id is None or cseq is None or to is None:
            return
        user = call_id[1].decode()
        if status[1] < b"200" or user not in self._open:
            return
        uri = f"sip:{user}@{DOMAIN}"
        if cseq[1] == b"REGISTER":
            self._send("INVITE", uri, user, f"To: <{uri}>", f"Contact: <sip:c@{self._own}>")
        else:
            self._send("ACK", uri, user, f"To: {to[1].decode()}")
            self._finals[status[1].decode()] += 1
            del self._open[user]

    def _send(self, method: str, uri: str, user: str, *lines: str) -> None:
        branch = f"z9hG4bK{user}{'INVITE' if method == 'ACK' else method}"
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._own};branch={branch}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@{DOMAIN}>;tag={user}",
            f"Call-ID: {user}",
            f"CSeq: {1 if method == 'REGISTER' else 2} {method}",
        ]
        data = "\r\n".join([*head, *lines, "Content-Length: 0", "", ""]).encode()
        self._socket.sendto(data, self._server)


def main() -> int:
    """Obey until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", type=int, required=True, help="UDP port of 127.0.0.1")
    caller = Caller(parser.parse_args().server)
    for line in sys.stdin:
        words = line.split()
        if not words or words[0] == "end":
            break
        print(json.dumps(caller.call(float(words[1]), float(words[2]))), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
