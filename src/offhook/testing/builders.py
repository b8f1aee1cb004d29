"""Messages as octets, with every header there and any of them to be changed: for tests that decide
each line themselves."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.transport.flow import Address

__all__ = ["build_request", "build_response"]

Lines = Sequence[tuple[str, str]]


def build_request(
    method: str,
    uri: str,
    *,
    source: Address = ("198.51.100.99", 5060),
    transport: str = "UDP",
    branch: str = "z9hG4bKbuilt",
    caller: str = "<sip:tester@example.com>;tag=tester",
    callee: str = "",
    call_id: str = "built@198.51.100.99",
    cseq: int = 1,
    headers: Lines = (),
    without: Sequence[str] = (),
    body: bytes = b"",
) -> bytes:
    """One request. `headers` come last; a name in `without` leaves that line out, to be malformed
    on purpose. Nothing is checked."""
    host, port = source
    shown = f"[{host}]" if ":" in host else host
    lines = [
        ("Via", f"SIP/2.0/{transport} {shown}:{port};branch={branch};rport"),
        ("Max-Forwards", "70"),
        ("From", caller),
        ("To", callee or f"<{uri}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", f"<sip:tester@{shown}:{port}>"),
        *headers,
        ("Content-Length", str(len(body))),
    ]
    return _join(f"{method} {uri} SIP/2.0", lines, without, body)


def build_response(
    request: bytes, status: int, *, to_tag: str = "built", headers: Lines = (), body: bytes = b""
) -> bytes:
    """A response to a request that was received, with its Via, From, To, Call-ID and CSeq lines as
    they are."""
    head = request.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    lines: list[tuple[str, str]] = []
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        value = value.strip()
        if name.lower() == "to" and ";tag=" not in value and status > 100:
            value = f"{value};tag={to_tag}"
        if name.lower() in ("via", "from", "to", "call-id", "cseq", "record-route"):
            lines.append((name, value))
    lines += [*headers, ("Content-Length", str(len(body)))]
    return _join(f"SIP/2.0 {status} Built", lines, (), body)


def _join(start: str, lines: Lines, without: Sequence[str], body: bytes) -> bytes:
    left_out = {name.lower() for name in without}
    kept = [f"{name}: {value}" for name, value in lines if name.lower() not in left_out]
    text = "\r\n".join([start, *kept, "", ""])
    return text.encode("utf-8", "surrogateescape") + body
