"""Raw SIP over UDP, TCP and TLS sockets: requests as text, responses as text, nothing clever.

Written apart from the code under test on purpose: it frames by Content-Length (RFC 3261 18.3),
reads a status line and single headers, and answers an MD5 digest challenge (RFC 2617 3.2.2).
"""

from __future__ import annotations

import hashlib
import itertools
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.namespaces import HERE, Place

_numbers = itertools.count(1)
DATAGRAM_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it came."""

    raw: bytes

    @property
    def status(self) -> int:
        """The status code; 0 when the first line is none."""
        found = re.match(rb"SIP/2\.0 (\d{3})(?: |\r|$)", self.raw)
        return int(found.group(1)) if found else 0

    def header(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        pattern = rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:[ \t]*(.*?)\r?$"
        found = re.search(pattern, self.raw)
        return found.group(1).decode("utf-8", "replace") if found else ""

    @property
    def final(self) -> bool:
        """Whether it ends its transaction."""
        return self.status >= 200


class Wire:
    """A client socket; what arrives is cut into messages."""

    def __init__(
        self,
        address: tuple[str, int],
        transport: str = "udp",
        *,
        place: Place = HERE,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Open it in `place`; over TLS with `context`, which checks the name of the domain."""
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.transport = transport
        ipv6 = ":" in place.host
        self.host = f"[{place.host}]" if ipv6 else place.host  # as URIs and Via have it
        self.sources: list[str] = []  # where datagrams came from
        with place.entered():
            self._socket = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, kind)
        self._socket.settimeout(3.0)
        self._address = address
        self._buffer = b""
        self.closed = False
        if transport == "udp":
            self._socket.bind((place.host, 0))
            return
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect(address)
        if context is not None:
            self._socket = context.wrap_socket(self._socket, server_hostname=DOMAIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    @property
    def port(self) -> int:
        """The local port."""
        return int(self._socket.getsockname()[1])

    def send(self, data: bytes, *, piece: int = 0, to: tuple[str, int] | None = None) -> None:
        """Send the message; over a stream in pieces of ``piece`` octets when that is not 0.

        ``to`` is another address than the server's; a stream leads to one address only.
        """
        if self.transport == "udp":
            self._socket.sendto(data, to or self._address)
            return
        assert to in (None, self._address), f"{to} is not where this connection leads"
        try:
            for start in range(0, len(data), piece or len(data) or 1):
                self._socket.sendall(data[start : start + (piece or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def finish_sending(self) -> None:
        """Close our direction of the stream."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.closed = True

    def receive_octets(self, timeout: float) -> bytes:
        """What arrives next, whatever it is; nothing at the deadline."""
        self._socket.settimeout(timeout)
        try:
            return self._socket.recv(DATAGRAM_BYTES)
        except TimeoutError:
            return b""

    def receive(self, timeout: float) -> Response | None:
        """The next message; None at the deadline or when the peer has closed (see ``closed``)."""
        deadline = time.monotonic() + timeout
        while (message := self._cut()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or self.closed:
                return None
            self._socket.settimeout(left)
            try:
                data = self._read()
            except TimeoutError:
                return None
            except ConnectionError:
                self.closed = True
                continue
            if self.transport == "udp":
                return Response(data)
            self.closed = not data
            self._buffer += data
        return Response(message)

    def _read(self) -> bytes:
        if self.transport != "udp":
            return self._socket.recv(DATAGRAM_BYTES)
        data, source = self._socket.recvfrom(DATAGRAM_BYTES)
        self.sources.append(source[0])
        return data

    def _cut(self) -> bytes | None:
        """The first whole message in the stream buffer, keep-alives skipped."""
        self._buffer = self._buffer.lstrip(b"\r\n")
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return None
        found = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
        size = int(found.group(1)) if found else 0
        if len(rest) < size:
            return None
        self._buffer = rest[size:]
        return head + blank + rest[:size]

    def responses(self, timeout: float) -> Iterator[Response]:
        """Everything that arrives until the deadline."""
        deadline = time.monotonic() + timeout
        while (message := self.receive(max(0.0, deadline - time.monotonic()))) is not None:
            yield message

    def final(self, data: bytes, *, timeout: float = 4.0) -> Response | None:
        """Send a request and return its final response, or None."""
        self.send(data)
        return next((one for one in self.responses(timeout) if one.final), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """A request to be written; ``headers`` are added or replace what is there by default."""

    method: str
    uri: str
    sender: str = f"sip:tester@{DOMAIN}"
    to: str = ""
    call_id: str = ""
    cseq: int = 1
    body: str = ""

    def write(self, wire: Wire, headers: Mapping[str, str] | None = None) -> bytes:
        """The octets, with a Via that names the wire's own socket."""
        number = next(_numbers)
        own = f"{wire.host}:{wire.port}"
        branch = f"z9hG4bK-t{number}-{wire.port}"
        fields = {
            "Via": f"SIP/2.0/{wire.transport.upper()} {own};branch={branch};rport",
            "From": f"<{self.sender}>;tag=f{number}",
            "To": self.to or f"<{self.uri}>",
            "Call-ID": self.call_id or f"c{number}-{wire.port}@tests.invalid",
            "CSeq": f"{self.cseq} {self.method}",
            "Contact": f"<sip:tester@{own};transport={wire.transport}>",
            "Max-Forwards": "70",
            "Content-Length": str(len(self.body.encode())),
            **(headers or {}),
        }
        lines = [f"{self.method} {self.uri} SIP/2.0"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


def answers(address: tuple[str, int], transport: str = "udp", *, timeout: float = 4.0) -> bool:
    """Whether the server at this address answers an OPTIONS, whatever the status."""
    host, port = address
    try:
        with Wire(address, transport) as wire:
            draft = Draft("OPTIONS", f"sip:{host}:{port};transport={transport}")
            data = draft.write(wire)
            patience = timeout / 2
            return wire.final(data, timeout=patience) is not None or (
                transport == "udp" and wire.final(data, timeout=patience) is not None
            )
    except OSError:
        return False


def credentials(challenge: Response, account: Account, method: str, uri: str) -> dict[str, str]:
    """The header that answers an MD5 challenge with qop=auth."""
    name = "WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate"
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge.header(name)))

    def digest(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    ha1 = digest(f"{account.user}:{fields['realm']}:{account.password}")
    ha2 = digest(f"{method}:{uri}")
    answer = digest(f"{ha1}:{fields['nonce']}:00000001:c0ffee:auth:{ha2}")
    value = (
        f'Digest username="{account.user}", realm="{fields["realm"]}", '
        f'nonce="{fields["nonce"]}", uri="{uri}", response="{answer}", '
        f'cnonce="c0ffee", nc=00000001, qop=auth, algorithm=MD5'
    )
    if "opaque" in fields:
        value += f', opaque="{fields["opaque"]}"'
    return {"Authorization" if challenge.status == 401 else "Proxy-Authorization": value}
