"""The requests that tools send: OPTIONS (RFC 3261 11) and REGISTER (RFC 3261 10.2), and a dialogue
of request, challenge and request with credentials (RFC 3261 22)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from offhook.auth import DigestClient, Learned
from offhook.cli.link import Link, NoAnswerError
from offhook.cli.one_request import Answer, OneRequest
from offhook.errors import UriError, UsageError
from offhook.message import Message, Uri, make_request, parse_uri
from offhook.transport.flow import Flow
from offhook.version import __version__

__all__ = ["TRANSPORTS", "Sender", "parse_target", "with_transport"]

TRANSPORTS = ("udp", "tcp", "tls")
MOST_ROUNDS = 5  # challenges of a server and a proxy, each once stale, and one answer
USER_AGENT = ("User-Agent", f"offhook/{__version__}")


def parse_target(text: str) -> Uri:
    """A SIP URI as people type it: the scheme may be missing. Raises UsageError."""
    written = text if text.lower().startswith(("sip:", "sips:", "tel:")) else f"sip:{text}"
    try:
        uri = parse_uri(written)
    except UriError as error:
        raise UsageError(f'"{text}" is not a SIP URI: {error.reason}') from None
    if not uri.is_sip or not uri.host:
        raise UsageError(f'"{text}" is not a SIP URI; write it as in sip:alice@example.com')
    return uri


def with_transport(uri: Uri, transport: str | None) -> Uri:
    """The URI with this transport instead of its own. Raises UsageError."""
    if transport is None:
        return uri
    name = transport.lower()
    if name not in TRANSPORTS:
        raise UsageError(f'"{transport}" is not available; use {", ".join(TRANSPORTS)}')
    return uri.replace(parameters=uri.parameters.set("transport", name).raw())


@dataclass(slots=True)
class Sender:
    """Sends requests of one identity over one flow, with one Call-ID and rising CSeq."""

    link: Link
    flow: Flow
    identity: str  # the URI of From
    timeout: float  # seconds for each request
    digest: DigestClient | None = None
    watch: Callable[[Message], None] | None = None
    _call_id: str = field(default_factory=lambda: f"{secrets.token_hex(12)}@offhook")
    _tag: str = field(default_factory=lambda: secrets.token_hex(6))
    _cseq: int = 0

    async def send(
        self, method: str, uri: str, to: str, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """Send, answer challenges if there is a password; the last final response.

        Raises NoAnswerError; for a wrong password too.
        """
        sent: Sequence[tuple[str, str]] = ()
        for _ in range(MOST_ROUNDS):
            if self.digest is not None:
                sent = self.digest.headers(method, uri, cnonce=secrets.token_hex(8))
            request = self._request(method, uri, to, [*headers, *sent])
            one = OneRequest(self.link, self.flow, request, timeout=self.timeout)
            answer = await one.run(self.watch)
            if answer.response.status not in (401, 407) or self.digest is None:
                return answer
            learned = self.digest.learn(answer.response, sent)
            if learned is Learned.WRONG:
                raise NoAnswerError(f"{answer.response.status}: wrong user name or password")
            if learned is Learned.UNANSWERABLE:
                return answer
        raise NoAnswerError("the server keeps asking for new credentials")

    def _request(
        self, method: str, uri: str, to: str, headers: Sequence[tuple[str, str]]
    ) -> Message:
        self._cseq += 1
        return make_request(
            method,
            uri,
            via=[f"{self.flow.via}z9hG4bK{secrets.token_hex(10)};rport"],
            from_=f"<{self.identity}>;tag={self._tag}",
            to=f"<{to}>",
            call_id=self._call_id,
            cseq=self._cseq,
            headers=[*headers, USER_AGENT],
        )
