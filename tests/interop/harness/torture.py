"""Torture messages: send one as it is, judge what comes back, see that the server still lives.

A case says what a right server may do. Over UDP a message is one datagram; over TCP it is one
connection, sent whole or one octet at a time; nothing in it is rewritten. Messages name other hosts
in their Via: the response is expected at the socket that sent (RFC 3581 for UDP, RFC 3261 18.2.2
for streams).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.interop.harness.wire import Draft, Response, Wire, answers

ANSWER_SECONDS = 1.5
SILENCE_SECONDS = 0.6
CLOSE_SECONDS = 2.0

MALFORMED = frozenset({400, 413, 505, 513})
"""Statuses that say a message is no SIP: wrong for a valid one."""
BROKEN = frozenset({500})
FINAL = frozenset(range(200, 700))
PROCESSED = FINAL - MALFORMED - BROKEN - {414, 416, 420, 482, 483}
"""What a server may say of a message that it understood and has nothing to find fault with."""
CHALLENGED = frozenset({401, 407})
NO_SUCH_TARGET = frozenset({403, 404, 480, 604})


class Way(Enum):
    """How a case travels."""

    UDP = "udp"
    TCP = "tcp"
    OCTETS = "tcp octet by octet"

    @property
    def transport(self) -> str:
        """The transport beneath."""
        return "udp" if self is Way.UDP else "tcp"


class Stream(Enum):
    """What a stream owes after a message whose end cannot be found (RFC 3261 18.3)."""

    LIVES = "goes on"
    CLOSES = "is closed"
    WAITS = "waits for the rest, and ends when the peer does"


@dataclass(frozen=True, slots=True)
class Case:
    """One message and what may come back; no statuses at all mean that silence is owed."""

    name: str
    data: bytes
    statuses: frozenset[int]
    stream: Stream = Stream.LIVES


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened; ``fault`` is empty when all was right."""

    case: Case
    way: Way
    statuses: tuple[int, ...]
    closed: bool
    fault: str

    @property
    def passed(self) -> bool:
        """Whether the server did as it owes."""
        return not self.fault


def try_case(case: Case, way: Way, target: tuple[str, int]) -> Outcome:
    """Send one case, judge the answer, then ask whether the server still answers."""
    with Wire(target, way.transport) as wire:
        wire.send(case.data, piece=1 if way is Way.OCTETS else 0)
        got = _collect(wire, case)
        if way is not Way.UDP and case.stream is not Stream.LIVES and not wire.closed:
            if case.stream is Stream.WAITS:
                wire.finish_sending()
            deadline = time.monotonic() + CLOSE_SECONDS
            while not wire.closed and time.monotonic() < deadline:
                late = wire.receive(0.2)
                got += [late] if late is not None else []
        closed = wire.closed
    statuses = tuple(one.status for one in got)
    fault = _judge(case, way, statuses, closed)
    if not answers(target, way.transport):
        fault = f"{fault}; " * bool(fault) + "the server does not answer OPTIONS after it"
    return Outcome(case, way, statuses, closed, fault)


def _collect(wire: Wire, case: Case) -> list[Response]:
    """Responses up to the first final one, or whatever comes within the wait."""
    got: list[Response] = []
    patience = ANSWER_SECONDS if case.statuses and case.stream is Stream.LIVES else SILENCE_SECONDS
    for response in wire.responses(patience):
        got.append(response)
        if response.final:
            break
    return got


def _judge(case: Case, way: Way, statuses: Sequence[int], closed: bool) -> str:
    final = next((status for status in statuses if status >= 200), None)
    if 0 in statuses:
        return "answered with something that is no SIP response"
    if not case.statuses:
        return f"answered {final}, silence is owed" if final is not None else ""
    if way is not Way.UDP and case.stream is not Stream.LIVES:
        if final is not None and final not in case.statuses:
            return f"answered {final}, may be {_list(case.statuses)}"
        return "" if closed else "the connection stays open"
    if final is None and statuses and case.statuses >= PROCESSED:
        return ""  # it was understood and is being routed
    if final is None:
        return f"no answer, may be {_list(case.statuses)}"
    if final not in case.statuses:
        return f"answered {final}, may be {_list(case.statuses)}"
    return ""


def _list(statuses: frozenset[int]) -> str:
    if len(statuses) > 12:
        refused = sorted(FINAL & (MALFORMED | BROKEN | {414, 416, 420, 482, 483}) - statuses)
        return "any final status but " + ", ".join(map(str, refused))
    return ", ".join(map(str, sorted(statuses)))


def load_manifest(folder: Path, *, challenging: bool) -> list[Case]:
    """The cases of a folder with a ``manifest.json``.

    ``challenging``: the target challenges requests, so 401 and 407 are right for whatever is well-
    formed.
    """
    entries = json.loads((folder / "manifest.json").read_text())["cases"]
    cases = []
    for entry in entries:
        if entry["validity"] == "info":
            continue
        data = (folder / entry["file"]).read_bytes()
        cases.append(_case(entry["file"], data, entry, challenging=challenging))
        corrected = folder / "fixed" / entry["file"]
        if corrected.exists():
            repaired = {**entry, "content_length_header": entry["body_bytes"]}
            name = f"fixed/{entry['file']}"
            cases.append(_case(name, corrected.read_bytes(), repaired, challenging=challenging))
    return cases


def _case(name: str, data: bytes, entry: dict[str, object], *, challenging: bool) -> Case:
    if entry.get("must_not_answer"):
        return Case(name, data, frozenset())
    announced, present = entry.get("content_length_header"), entry.get("body_bytes")
    if isinstance(announced, int) and isinstance(present, int) and announced > present:
        return Case(name, data, frozenset({400}), Stream.WAITS)
    statuses = _statuses(entry)
    if challenging and entry["validity"] != "invalid":
        statuses |= CHALLENGED
    return Case(name, data, statuses, stream_of(data))


def _statuses(entry: dict[str, object]) -> frozenset[int]:
    listed = entry["expected_status"]
    owed = frozenset(listed) if isinstance(listed, list) else frozenset()
    if entry["may_process_normally"]:
        owed |= PROCESSED
    if entry["validity"] == "invalid":
        return owed
    if entry["tested_role"] == "uas":
        return owed | PROCESSED  # only a user agent owes the refusal; a proxy looks for the target
    if owed & {405, 501}:
        return owed | NO_SUCH_TARGET  # so does the refusal of a method (RFC 3261 16.3)
    return owed


def clear_bindings(case: Case, target: tuple[str, int]) -> None:
    """Remove what a REGISTER bound, so that no later message finds it or its CSeq (10.3 step 7)."""
    found = re.search(rb"(?im)^(?:to|t)[ \t]*:.*?(sips?:[^>;\s]+)", case.data)
    if not case.data.startswith(b"REGISTER ") or not found:
        return
    aor = found.group(1).decode("utf-8", "replace")
    with Wire(target) as wire:
        draft = Draft("REGISTER", f"sip:{aor.rpartition('@')[2]}", aor, f"<{aor}>")
        wire.final(draft.write(wire, {"Contact": "*", "Expires": "0"}), timeout=1.0)


def stream_of(data: bytes) -> Stream:
    """What the Content-Length of a message means for its stream (RFC 3261 18.3, 20.14)."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return Stream.WAITS
    fields = [line.lower().partition(b":") for line in head.split(b"\r\n")]
    lengths = {
        value.strip() for name, _, value in fields if name.strip() in {b"content-length", b"l"}
    }
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        return Stream.CLOSES
    if not lengths or int(lengths.pop()) > len(body):
        return Stream.WAITS
    return Stream.LIVES


def transaction(data: bytes) -> tuple[bytes, bytes]:
    """What a server tells a retransmission by: branch, or Call-ID without one, and method."""
    head = re.sub(rb"\r\n[ \t]+", b" ", data.partition(b"\r\n\r\n")[0])
    branch = re.search(rb"(?i)branch[ \t]*=[ \t]*([^;,\s]+)", head)
    call_id = re.search(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*(\S+)", head)
    found = branch or call_id
    return found.group(1) if found else b"", data.partition(b" ")[0]


def table(outcomes: Iterable[Outcome]) -> str:
    """The outcomes as text, one line each, with totals a way."""
    lines, totals = [], {way: [0, 0] for way in Way}
    for outcome in outcomes:
        totals[outcome.way][0] += outcome.passed
        totals[outcome.way][1] += 1
        got = ",".join(map(str, outcome.statuses)) or "-"
        got += " closed" if outcome.closed else ""
        verdict = "ok" if outcome.passed else f"FAULT {outcome.fault}"
        lines.append(f"{outcome.case.name:42}{outcome.way.value:20}{got:16}{verdict}")
    lines += [f"{way.value}: {passed} of {tried}" for way, (passed, tried) in totals.items()]
    return "\n".join(lines)
