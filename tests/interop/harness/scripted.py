"""A phone by script on a real socket: registers, calls, answers and hangs up, one step at a time.

Written apart from the code under test, on `wire` alone. It keeps a route set, answers digest
challenges and keep-alive OPTIONS, and repeats its answer to a copy of a request; it has no timers,
so it is for paths without loss.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Protocol

from tests.interop.harness.endpoint import Account
from tests.interop.harness.wire import Response, credentials

PATIENCE = 5.0
_numbers = itertools.count(1)


class Line(Protocol):
    """What a phone needs of a socket; `wire.Wire` and `web_wire.WebWire` have it."""

    transport: str
    host: str
    closed: bool

    @property
    def port(self) -> int: ...
    def send(self, data: bytes, *, to: tuple[str, int] | None = None) -> None: ...
    def receive(self, timeout: float) -> Response | None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it came."""

    raw: bytes

    @property
    def method(self) -> str:
        """The method of a request, "" for a response."""
        first = self.raw.split(b" ", 1)[0].decode()
        return "" if first.startswith("SIP/") else first

    @property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        return Response(self.raw).status

    @property
    def uri(self) -> str:
        """The Request-URI."""
        return self.raw.split(b" ", 2)[1].decode()

    def all(self, name: str) -> list[str]:
        """Every value of a header, one line each, in their order."""
        pattern = rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:[ \t]*(.*?)\r?$"
        return [value.decode() for value in re.findall(pattern, self.raw)]

    def header(self, name: str) -> str:
        """The first value of a header, "" if there is none."""
        return next(iter(self.all(name)), "")

    def reply(self, status: int, tag: str, *lines: str) -> bytes:
        """A response to this request."""
        to = self.header("To")
        head = [f"SIP/2.0 {status} Scripted"]
        for name in ("Via", "Record-Route"):
            head += [f"{name}: {value}" for value in self.all(name)]
        head += [
            f"From: {self.header('From')}",
            f"To: {to if 'tag=' in to else f'{to};tag={tag}'}",
            f"Call-ID: {self.header('Call-ID')}",
            f"CSeq: {self.header('CSeq')}",
            *lines,
            "Content-Length: 0",
        ]
        return ("\r\n".join(head) + "\r\n\r\n").encode()


@dataclass(slots=True)
class Talk:
    """One dialog of a phone, from its own side."""

    call_id: str
    local: str  # From or To value of ours, with its tag
    remote: str
    target: str  # the Contact URI of the other side
    routes: list[str]
    cseq: int = 100


@dataclass(slots=True)
class ScriptedPhone:
    """One phone. `contact` is what it says of itself, by default the address of its socket."""

    wire: Line
    account: Account
    contact: str = ""
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    instance: str = ""
    flow: int = 0  # its reg-id, for a phone that has one flow of several (RFC 5626); 0: none
    pings: int = 0  # keep-alive OPTIONS that came
    answers_pings: bool = True
    cseq: int = 0
    _answers: dict[str, bytes] = field(default_factory=dict)  # by branch and method

    def __post_init__(self) -> None:
        own = f"{self.wire.host}:{self.wire.port}"
        name = "ws" if self.wire.transport == "wss" else self.wire.transport
        suffix = "" if name == "udp" else f";transport={name}"
        self.contact = self.contact or f"sip:{self.account.user}@{own}{suffix}"

    # registering -----------------------------------------------------------------------------
    def register(self, seconds: int = 300) -> int:
        """Register; the final status."""
        instance = f';+sip.instance="{self.instance}"' if self.instance else ""
        lines = [f"Contact: <{self.contact}>{instance}", f"Expires: {seconds}"]
        if self.flow:
            lines[0] += f";reg-id={self.flow}"
            lines.append("Supported: outbound, path")
        uri = f"sip:{self.account.domain}"
        return self._ask("REGISTER", uri, f"<{self.account.uri}>", self.call_id, lines).status

    # calling ---------------------------------------------------------------------------------
    def dial(self, uri: str, method: str = "INVITE", *headers: str) -> str:
        """Send an INVITE or a SUBSCRIBE, with credentials once it is challenged; its Call-ID."""
        call_id = secrets.token_hex(8)
        lines = [f"Contact: <{self.contact}>", *headers]
        self._send(method, uri, f"<{uri}>", call_id, lines)
        answer = self.response()
        if answer.status in (401, 407):
            if method == "INVITE":
                self._acknowledge(answer, uri)
            proof = self._proof(answer, method, uri)
            self._send(method, uri, f"<{uri}>", call_id, [*lines, *proof])
            return call_id
        raise AssertionError(f"the {method} was not challenged but got {answer.status}")

    def connected(self) -> Talk:
        """Take the 2xx to our INVITE and acknowledge it."""
        answer = self.response(200)
        talk = Talk(
            answer.header("Call-ID"),
            answer.header("From"),
            answer.header("To"),
            _uri(answer.header("Contact")),
            answer.all("Record-Route")[::-1],
        )
        talk.cseq = int(answer.header("CSeq").split()[0])
        self.acknowledge(talk)
        return talk

    def acknowledge(self, talk: Talk) -> None:
        """The ACK of the 2xx to our last INVITE."""
        self._within("ACK", talk, talk.cseq)

    def refused(self, status: int) -> None:
        """Take this refusal of our INVITE and acknowledge it."""
        answer = self.response(status)
        self._acknowledge(answer, _uri(answer.header("To")))

    def rung(self) -> Heard:
        """An INVITE that comes, answered with 180."""
        invite = self.request("INVITE")
        self._answer(invite, 180, f"Contact: <{self.contact}>")
        return invite

    def accept(self, invite: Heard) -> Talk:
        """Answer an INVITE with 200; the ACK is to be awaited."""
        self._answer(invite, 200, f"Contact: <{self.contact}>")
        return self.dialog_of(invite)

    def dialog_of(self, invite: Heard) -> Talk:
        """The dialog that our answer to this request makes."""
        return Talk(
            invite.header("Call-ID"),
            f"{invite.header('To')};tag={self.tag}",
            invite.header("From"),
            _uri(invite.header("Contact")),
            invite.all("Record-Route"),
        )

    def say(self, method: str, talk: Talk) -> None:
        """Send a request inside a dialog."""
        talk.cseq += 1
        self._within(method, talk, talk.cseq)

    def hear(self, method: str, *, timeout: float = PATIENCE) -> Heard:
        """Take a request inside a dialog and answer it with 200, an ACK excepted."""
        found = self.request(method, timeout=timeout)
        if method != "ACK":
            self._answer(found, 200, f"Contact: <{self.contact}>")
        return found

    # what comes ------------------------------------------------------------------------------
    def request(self, method: str, *, timeout: float = PATIENCE) -> Heard:
        """The next request of this method; other ones than keep-alives are a failure."""
        while True:
            found = self._next(timeout, method)
            if found.method == method:
                return found
            assert found.status, f"{found.method} instead of {method}: {found.raw!r}"

    def response(self, wanted: int = 0, *, timeout: float = PATIENCE) -> Heard:
        """The next response with this status; the next final one for 0."""
        while True:
            found = self._next(timeout, f"{wanted or 'final'} response")
            if found.method:
                raise AssertionError(f"{found.method} instead of a response: {found.raw!r}")
            if found.status == wanted or (not wanted and found.status >= 200):
                return found
            assert found.status < 200, f"{found.status} instead of {wanted}: {found.raw!r}"

    def listen(self, seconds: float, *, pings: int = 0) -> None:
        """Answer keep-alives for a while, or until `pings` of them have come in all."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and (not pings or self.pings < pings):
            self._take(left)

    def _next(self, timeout: float, what: str) -> Heard:
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            found = self._take(left)
            if found is not None:
                return found
        raise AssertionError(f"{self.account.user}: {what} did not come within {timeout:g} s")

    def _take(self, timeout: float) -> Heard | None:
        """The next message that is for the script: no keep-alive, no copy."""
        raw = self.wire.receive(timeout)
        if raw is None or len(raw.raw) <= 4:
            return None
        found = Heard(raw.raw)
        if not found.method:
            return found
        known = self._answers.get(_transaction(found))
        if known is not None:
            self.wire.send(known)
        elif found.method == "OPTIONS":
            self.pings += 1
            if self.answers_pings:
                self._answer(found, 200)
        else:
            return found
        return None

    # what goes -------------------------------------------------------------------------------
    def _answer(self, request: Heard, status: int, *lines: str) -> None:
        data = request.reply(status, self.tag, *lines)
        self._answers[_transaction(request)] = data
        self.wire.send(data)

    def _ask(self, method: str, uri: str, to: str, call_id: str, lines: list[str]) -> Heard:
        """A request outside of dialogs: its final response, one challenge answered."""
        self._send(method, uri, to, call_id, lines)
        answer = self.response()
        if answer.status in (401, 407):
            proof = self._proof(answer, method, uri)
            self._send(method, uri, to, call_id, [*lines, *proof])
            answer = self.response()
        return answer

    def _proof(self, challenge: Heard, method: str, uri: str) -> list[str]:
        found = credentials(Response(challenge.raw), self.account, method, uri)
        return [f"{name}: {value}" for name, value in found.items()]

    def _send(self, method: str, uri: str, to: str, call_id: str, lines: list[str]) -> None:
        self.cseq += 1
        ends = [f"From: <{self.account.uri}>;tag={self.tag}", f"To: {to}", f"Call-ID: {call_id}"]
        self._write(method, uri, self.cseq, [*ends, *lines])

    def _within(self, method: str, talk: Talk, cseq: int) -> None:
        lines = [f"From: {talk.local}", f"To: {talk.remote}", f"Call-ID: {talk.call_id}"]
        lines += [f"Route: {value}" for value in talk.routes]
        if method != "BYE":
            lines.append(f"Contact: <{self.contact}>")
        first = _uri(talk.routes[0]) if talk.routes else talk.target
        self._write(method, talk.target, cseq, lines, to=_address(first))

    def _acknowledge(self, refusal: Heard, uri: str) -> None:
        """The ACK of a refusal, in the transaction of its INVITE (RFC 3261 17.1.1.3)."""
        head = [
            f"ACK {uri} SIP/2.0",
            f"Via: {refusal.header('Via')}",
            "Max-Forwards: 70",
            f"From: {refusal.header('From')}",
            f"To: {refusal.header('To')}",
            f"Call-ID: {refusal.header('Call-ID')}",
            f"CSeq: {refusal.header('CSeq').split()[0]} ACK",
            "Content-Length: 0",
        ]
        self.wire.send(("\r\n".join(head) + "\r\n\r\n").encode())

    def _write(
        self,
        method: str,
        uri: str,
        cseq: int,
        lines: list[str],
        *,
        to: tuple[str, int] | None = None,
    ) -> None:
        branch = f"z9hG4bK{next(_numbers)}{self.tag}"
        own = f"{self.wire.host}:{self.wire.port}"
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.wire.transport.upper()} {own};branch={branch};rport",
            "Max-Forwards: 70",
            f"CSeq: {cseq} {method}",
            *lines,
            "Content-Length: 0",
        ]
        self.wire.send(("\r\n".join(head) + "\r\n\r\n").encode(), to=to)


def _address(uri: str) -> tuple[str, int]:
    """The literal host and the port that a request for this URI is sent to."""
    found = re.search(r"(?:@|:)(\[[0-9a-f:]+\]|[0-9.]+)(?::(\d+))?(?:[;?]|$)", uri)
    assert found is not None, f"{uri} has no literal address"
    port = found.group(2) or (5061 if "transport=tls" in uri else 5060)
    return found.group(1).strip("[]"), int(port)


def _uri(value: str) -> str:
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0]


def _transaction(request: Heard) -> str:
    return f"{request.header('Via')} {request.method}"
