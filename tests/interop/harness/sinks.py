"""Small SIP servers in the tests' own process: one that answers every request, and ports where
nobody answers or nobody listens."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

from tests.interop.harness.namespaces import HERE, Place
from tests.interop.harness.process import free_port

__all__ = ["Sink", "closed_port", "silent_port", "sink"]

READ = 65_535
_TO = re.compile(rb"(?im)^(To[ \t]*:.*?)\r?$")


class Sink:
    """Answers every request but ACK with `status`, over UDP and TCP. `requests` are those that
    came, with the transport."""

    def __init__(self, host: str, status: int, place: Place = HERE) -> None:
        self.host = host
        self.status = status
        self.headers = b""  # of every response, each with its line end
        self.requests: list[tuple[str, bytes]] = []
        with place.entered():
            self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.port = free_port()  # not one of the system's, which a client may have over TCP
        self._datagrams.bind((host, self.port))
        self._streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._streams.bind((host, self.port))
        self._streams.listen(16)
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._serve_datagrams, self._serve_streams)
        ]
        for thread in self._threads:
            thread.start()

    def count(self, method: str) -> int:
        """How many requests of a method came, copies of one counted once."""
        return len({data for _, data in self.requests if data.startswith(method.encode())})

    def close(self) -> None:
        """Stop answering; the port is closed."""
        for each in (self._datagrams, self._streams):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(2.0)

    def _answer(self, data: bytes, transport: str) -> bytes:
        self.requests.append((transport, data))
        if data.startswith(b"ACK "):
            return b""
        status = 200 if data.startswith((b"BYE ", b"CANCEL ")) else self.status
        head = data.partition(b"\r\n\r\n")[0]
        kept = (b"via", b"v", b"from", b"f", b"call-id", b"i", b"cseq", b"record-route")
        lines = [
            line
            for line in head.split(b"\r\n")[1:]
            if line.partition(b":")[0].strip().lower() in kept
        ]
        to = _TO.search(head)
        if to is not None:
            tag = b"" if b";tag=" in to[1] else b";tag=sink"
            lines.append(to[1] + tag)
        contact = f"Contact: <sip:sink@{self.host}:{self.port};transport={transport}>".encode()
        lines += [contact, b"Content-Length: 0"]
        return b"SIP/2.0 %d Sink\r\n%b%b\r\n\r\n" % (status, self.headers, b"\r\n".join(lines))

    def _serve_datagrams(self) -> None:
        while True:
            try:
                data, source = self._datagrams.recvfrom(READ)
            except OSError:
                return
            if not data:
                return
            if answer := self._answer(data, "udp"):
                with contextlib.suppress(OSError):
                    self._datagrams.sendto(answer, source)

    def _serve_streams(self) -> None:
        while True:
            try:
                stream, _ = self._streams.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_stream, args=(stream,), daemon=True).start()

    def _serve_stream(self, stream: socket.socket) -> None:
        buffer = b""
        with stream:
            while True:
                try:
                    data = stream.recv(READ)
                except OSError:
                    return
                if not data:
                    return
                buffer += data
                while (end := buffer.find(b"\r\n\r\n")) >= 0:
                    found = re.search(rb"(?im)^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", buffer)
                    size = end + 4 + (int(found[1]) if found else 0)
                    if len(buffer) < size:
                        break
                    message, buffer = buffer[:size], buffer[size:]
                    if answer := self._answer(message, "tcp"):
                        stream.sendall(answer)


@contextlib.contextmanager
def sink(host: str, *, status: int = 486, place: Place = HERE) -> Iterator[Sink]:
    """A running server on an address of `place`."""
    made = Sink(host, status, place)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def silent_port(host: str) -> Iterator[int]:
    """A UDP port that takes everything and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((host, 0))
        yield int(bound.getsockname()[1])


def closed_port(host: str) -> int:
    """A port where nobody listens, over UDP and TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((host, 0))
        return int(bound.getsockname()[1])
