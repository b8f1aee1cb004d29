"""A raw SIP client over TLS, with a client certificate or without."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.endpoint import DOMAIN
from tests.interop.harness.wire import Response, Wire


class TlsWire(Wire):
    """A verified connection; what arrives is cut into messages as by its parent.

    A server that refuses our certificate is found out by reading: TLS 1.3 tells the client last.
    """

    def __init__(
        self,
        address: tuple[str, int],
        authority: Path,
        *,
        shown: Certificate | None = None,
        name: str = DOMAIN,
    ) -> None:
        super().__init__(address, "tcp")
        self.transport = "tls"
        context = ssl.create_default_context(cafile=str(authority))
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        self._socket: socket.socket = context.wrap_socket(self._socket, server_hostname=name)

    def receive(self, timeout: float) -> Response | None:
        """As the parent; an alert ends the connection like its close."""
        try:
            return super().receive(timeout)
        except ssl.SSLError:
            self.closed = True
            return None
