"""A process of its own that holds many connections to the server and sends requests over them.

It opens the connections, prints `open`, and then obeys lines on its input:

    run KIND RATE SECONDS    requests in turns over all connections; then prints one JSON object
    end

`RATE` 0 is a closed loop: every one of the first WINDOW connections has one request under way.
KIND is `options`, `register`, or `message`: a MESSAGE to the phone of the next connection, which
answers it, so that the server relays a request and its response. Connections leave from 127.0.0.2
and up, PER_HOST from each address.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import ssl
import sys
import time
from collections.abc import Callable
from typing import cast

import uvloop

from benchmarks.servers import DOMAIN
from benchmarks.web_frames import OPENING, frame_text, read_frames

__all__ = ["main"]

PER_HOST = 900  # the server's default limit is 1000 connections from one address
AT_ONCE = 64  # connections being opened
WINDOW = 32  # requests under way in a closed loop
PATIENCE = 5.0  # seconds for the last answers
TICK = 0.002  # seconds between portions of a steady rate
STARTS = {"options": "OPTIONS", "register": "REGISTER", "message": "MESSAGE"}


class Phone(asyncio.Protocol):
    """One connection. Every message that comes has no body."""

    def __init__(self, number: int, kind: str, answered: Callable[[Phone, bytes], None]) -> None:
        self.number = number
        self.web = kind in ("ws", "wss")
        self.name = f"s{os.getpid()}x{number}"
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self._kind = kind.upper()
        self._answered = answered
        self._buffer = b""
        self._opened = not self.web
        self._count = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        host, port = self._transport.get_extra_info("sockname")[:2]
        self._own = f"{self.name}.invalid" if self.web else f"{host}:{port}"
        if self.web:
            self._transport.write(OPENING)
        else:
            self.ready.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(str(error or "closed")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._opened:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.ready.set_exception(ConnectionError(head.decode("latin-1")[:200]))
                return
            self._opened = True
            self._buffer = rest
            self.ready.set_result(None)
        if self.web:
            messages, self._buffer = read_frames(self._buffer)
        else:
            *messages, self._buffer = self._buffer.split(b"\r\n\r\n")
        for message in messages:
            self._answered(self, message)

    def ask(self, kind: str, to: str) -> None:
        """Send one request."""
        method = STARTS[kind]
        self._count += 1
        uri = {"MESSAGE": f"sip:{to}@{DOMAIN}"}.get(method, f"sip:{DOMAIN}")
        own = f"sip:{self.name}@{DOMAIN}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self._kind} {self._own};branch=z9hG4bK{self.name}n{self._count}",
            "Max-Forwards: 70",
            f"From: <{own}>;tag=f{self.number}",
            f"To: <{own if method == 'REGISTER' else uri}>",
            f"Call-ID: {self.name}",
            f"CSeq: {self._count} {method}",
            "User-Agent: offhook benchmarks, many phones",
        ]
        if method == "REGISTER":
            transport = "ws" if self.web else self._kind.lower()
            lines.append(f"Contact: <sip:{self.name}@{self._own};transport={transport}>")
            lines.append("Expires: 3600")
        self.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())

    def accept(self, request: bytes) -> None:
        """Answer a request with 200."""
        copied = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")
        lines = [line for line in request.split(b"\r\n")[1:] if line.lower().startswith(copied)]
        self.send(b"\r\n".join([b"SIP/2.0 200 OK", *lines, b"Content-Length: 0", b"", b""]))

    def send(self, message: bytes) -> None:
        """Write one message."""
        assert self._transport is not None
        self._transport.write(frame_text(message) if self.web else message)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()


class Crowd:
    """All connections of one transport."""

    def __init__(self, kind: str, port: int, count: int) -> None:
        self._kind = kind
        self._port = port
        self._count = count
        self._phones: list[Phone] = []
        self._sent = self._good = self._bad = 0
        self._closed_loop = ""
        self._running = False
        self._all_answered = asyncio.Event()

    async def open(self) -> None:
        """Make all connections. Raises OSError if one fails."""
        gate = asyncio.Semaphore(AT_ONCE)
        context = _trusting() if self._kind in ("tls", "wss") else None

        async def one(number: int) -> Phone:
            async with gate:
                host = f"127.0.0.{2 + number // PER_HOST}"
                _, phone = await asyncio.get_running_loop().create_connection(
                    lambda: Phone(number, self._kind, self._received),
                    "127.0.0.1",
                    self._port,
                    ssl=context,
                    server_hostname="127.0.0.1" if context else None,
                    local_addr=(host, 0),
                )
                await asyncio.wait_for(phone.ready, PATIENCE)
                return phone

        self._phones = list(await asyncio.gather(*map(one, range(self._count))))

    async def run(self, kind: str, rate: float, seconds: float) -> dict[str, object]:
        """Send requests; what became of them."""
        self._sent = self._good = self._bad = 0
        self._running = True
        self._all_answered.clear()
        started = time.monotonic()
        if rate:
            await self._steadily(kind, rate, seconds)
        else:
            self._closed_loop = kind
            for phone in self._phones[:WINDOW]:
                self._ask(phone, kind)
            await asyncio.sleep(seconds)
            self._closed_loop = ""
        self._running = False
        self._check()
        taken = time.monotonic() - started
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._all_answered.wait()
        return {
            "sent": self._sent,
            "good": self._good,
            "bad": self._bad,
            "lost": sum(phone.lost for phone in self._phones),
            "seconds": taken,
        }

    async def _steadily(self, kind: str, rate: float, seconds: float) -> None:
        started = time.monotonic()
        count = int(seconds * rate)
        while self._sent < count:
            due = int((time.monotonic() - started) * rate)
            for number in range(self._sent, min(due, count)):
                self._ask(self._phones[number % len(self._phones)], kind)
            await asyncio.sleep(TICK)

    def _ask(self, phone: Phone, kind: str) -> None:
        self._sent += 1
        phone.ask(kind, self._phones[(phone.number + 1) % len(self._phones)].name)

    def _received(self, phone: Phone, message: bytes) -> None:
        if not message.startswith(b"SIP/2.0 "):
            phone.accept(message)
            return
        if message[8:9] == b"1":
            return
        good = message[8:11] == b"200"
        self._good += good
        self._bad += not good
        if self._closed_loop:
            self._ask(phone, self._closed_loop)
        self._check()

    def _check(self) -> None:
        if not self._running and self._good + self._bad >= self._sent:
            self._all_answered.set()

    def close(self) -> None:
        """End all connections."""
        for phone in self._phones:
            phone.close()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _serve(crowd: Crowd) -> None:
    await crowd.open()
    print("open", flush=True)
    loop = asyncio.get_running_loop()
    while True:
        words = (await loop.run_in_executor(None, sys.stdin.readline)).split()
        if not words or words[0] == "end":
            break
        print(json.dumps(await crowd.run(words[1], float(words[2]), float(words[3]))), flush=True)
    crowd.close()
    await asyncio.sleep(0.1)


def main() -> int:
    """Open the connections and obey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["tcp", "tls", "ws", "wss"])
    parser.add_argument("--server", type=int, required=True, help="port of 127.0.0.1")
    parser.add_argument("--connections", type=int, default=100)
    arguments = parser.parse_args()
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.install()
    asyncio.run(_serve(Crowd(arguments.kind, arguments.server, arguments.connections)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
