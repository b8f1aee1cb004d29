"""A SIP client over WSS (RFC 7118) with the calls of `wire.Wire`: one message a frame."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.interop.harness.endpoint import DOMAIN
from tests.interop.harness.namespaces import HERE, Place
from tests.interop.harness.wire import Response


class WebWire:
    """One connection. Like a page it knows no address of its own: `host` is an invalid name."""

    transport = "wss"
    port = 5060

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext, *, place: Place = HERE
    ) -> None:
        """Connect in `place`; `context` checks the name of the domain."""
        self.host = f"{secrets.token_hex(6)}.invalid"  # RFC 7118 5.2
        self.closed = False
        self._address = address
        with place.entered():
            plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.settimeout(5.0)
        plain.connect(address)
        self._open = contextlib.ExitStack()
        opening = connect(
            f"wss://{DOMAIN}:{address[1]}/",
            sock=plain,
            ssl=context,
            server_hostname=DOMAIN,
            subprotocols=[Subprotocol("sip")],
            compression=None,
            proxy=None,
            open_timeout=5.0,
            close_timeout=1.0,
        )
        self._connection = self._open.enter_context(opening)

    def send(self, data: bytes, *, to: tuple[str, int] | None = None) -> None:
        """Send one message; `to` can only be where the connection leads."""
        assert to in (None, self._address), f"{to} is not where this connection leads"
        try:
            self._connection.send(data)
        except ConnectionClosed:
            self.closed = True

    def receive(self, timeout: float) -> Response | None:
        """The next message; None at the deadline or when the peer has closed."""
        try:
            data = self._connection.recv(timeout)
        except TimeoutError:
            return None
        except ConnectionClosed:
            self.closed = True
            return None
        return Response(data.encode() if isinstance(data, str) else data)

    def close(self) -> None:
        """Close the connection."""
        self._open.close()
