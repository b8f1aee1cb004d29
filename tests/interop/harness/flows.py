"""A phone with several flows (RFC 5626), by hand: one socket for each reg-id, nothing clever.

Written apart from the code under test, as `wire` is. It registers over each of its flows, takes
what comes in on any of them and answers it with 200.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.interop.harness.endpoint import Account
from tests.interop.harness.process import LOOPBACK
from tests.interop.harness.wire import Draft, Response, Wire, credentials

INSTANCE = "<urn:uuid:00000000-0000-1000-8000-0a0b0c0d0e0f>"


class FlowPhone:
    """One account with a socket for each flow; flow N has reg-id N + 1."""

    def __init__(
        self,
        account: Account,
        servers: Sequence[tuple[str, int]],
        *,
        transport: str = "tcp",
        supported: str = "path, outbound",
    ) -> None:
        self.account = account
        self.flows = [Wire(server, transport) for server in servers]
        self._supported = supported
        self._cseq = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for wire in self.flows:
            wire.close()

    def register(self, number: int, *, expires: int = 600) -> Response:
        """REGISTER over one flow, answering the challenge; the final response."""
        wire = self.flows[number]
        contact = (
            f"<sip:{self.account.user}@{LOOPBACK}:{wire.port};transport={wire.transport};ob>"
            f';reg-id={number + 1};+sip.instance="{INSTANCE}"'
        )
        domain = self.account.domain
        headers = {"Contact": contact, "Expires": str(expires), "Supported": self._supported}
        for _ in range(2):
            self._cseq += 1
            draft = Draft(
                "REGISTER",
                f"sip:{domain}",
                sender=f"sip:{self.account.address}",
                to=f"<sip:{self.account.address}>",
                call_id=f"flows-{self.flows[0].port}",
                cseq=self._cseq,
            )
            response = wire.final(draft.write(wire, headers))
            assert response is not None, "no answer to REGISTER"
            if response.status != 401:
                return response
            headers |= credentials(response, self.account, "REGISTER", f"sip:{domain}")
        raise AssertionError("challenged twice")

    def ping(self, number: int) -> bytes:
        """Send the keep-alive of a stream; what comes back."""
        self.flows[number].send(b"\r\n\r\n")
        return self.flows[number].receive_octets(2.0)

    def take(self, number: int, *, status: int = 200, timeout: float = 3.0) -> Response | None:
        """The next request on one flow, answered; None if nothing comes."""
        request = self.flows[number].receive(timeout)
        if request is not None and not request.raw.startswith(b"ACK "):
            self.flows[number].send(reply(request, status))
        return request


def reply(request: Response, status: int, headers: Sequence[str] = ()) -> bytes:
    """A response to a request, with what RFC 3261 8.2.6.2 says must be copied."""
    kept = re.findall(rb"(?im)^(?:via|from|call-id|cseq|record-route):.*?\r$", request.raw)
    to = request.header("To")
    tagged = to if ";tag=" in to else f"{to};tag=flows"
    lines = [b"SIP/2.0 %d Said" % status, *[line.rstrip(b"\r") for line in kept]]
    lines += [f"To: {tagged}".encode(), *[line.encode() for line in headers]]
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])
