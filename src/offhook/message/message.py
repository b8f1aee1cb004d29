"""The lazy message: raw header lines with an index of names, parsed when asked, written back byte
for byte (RFC 3261 7, 8.2.6, 16.6, 16.7).

It implements `interface.HotMessage`. What a header value means is left to `headers`, what a message
owes its role to `validate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from offhook.errors import UsageError
from offhook.message.core import read_core
from offhook.message.grammar import split_commas
from offhook.message.headers.base import HeaderType
from offhook.message.interface import Core
from offhook.message.lines import unfold, value_of
from offhook.message.names import canonical, written
from offhook.message.stamping import stamped

__all__ = ["Message"]

T = TypeVar("T")
_FORBIDDEN = frozenset("\r\n\0")


class Message:
    """One request or response.

    `method`, `uri`, `status`, `reason` and `body` may be assigned; Content-Length follows a new
    body. Header names may be given in any case and compact form to the editing methods, and lower
    case and long to `get` and `get_all`, which are hot.

    The attributes below `body` belong to this package: raw lines, their canonical names ("" for a
    line that is none), the first value of each name, names that came again, the fault that parsing
    found, caches.
    """

    __slots__ = (
        "body",
        "core_values",
        "fault",
        "index",
        "is_request",
        "known_keys",
        "lines",
        "method",
        "reason",
        "received_body",
        "repeated",
        "status",
        "typed_values",
        "uri",
        "version",
    )

    def __init__(self) -> None:
        self.is_request = True
        self.method = ""
        self.uri = ""
        self.version = "SIP/2.0"
        self.status = 0
        self.reason = ""
        self.body = b""
        self.lines: list[str] = []
        self.known_keys: list[str] | None = None
        self.index: dict[str, str] = {}
        self.repeated: Sequence[str] = ()
        self.fault = ""
        self.received_body = b""
        self.core_values: Core | None = None
        self.typed_values: dict[str, object] | None = None

    @property
    def keys(self) -> list[str]:
        """The canonical names of the lines, found when first asked: a message that passes unedited
        does without."""
        keys = self.known_keys
        if keys is None:
            parts = [line.partition(":") for line in self.lines]
            # a name is never folded (RFC 3261 25.1, HCOLON)
            keys = self.known_keys = [canonical(raw) if colon else "" for raw, colon, _ in parts]
        return keys

    # Reading

    def core(self) -> Core:
        """The core values, parsed once. Raises MessageError (400) if a mandatory one is missing or
        malformed."""
        core = self.core_values
        if core is None:
            core = self.core_values = read_core(self.index)
        return core

    def get(self, name: str) -> str | None:
        """The first value line of a header, trimmed and unfolded, not split at commas."""
        value = self.index.get(name)
        return value if value is None else value.strip(" \t")

    def only(self, name: str) -> str | None:
        """The value of a header that has one line, None without one or with several."""
        return None if name in self.repeated else self.get(name)

    def get_all(self, name: str) -> list[str]:
        """All value lines of a header in their order, not split at commas."""
        if name not in self.index:
            return []
        if name not in self.repeated:
            return [self.index[name].strip(" \t")]
        return [
            value_of(line) for key, line in zip(self.keys, self.lines, strict=True) if key == name
        ]

    def typed(self, header: HeaderType[T]) -> T:
        """The value of a header as its type reads it, parsed once. Raises MessageError (400, "Bad
        ...") if it is malformed."""
        cache = self.typed_values
        if cache is None:
            cache = self.typed_values = {}
        name = header.name
        if name not in cache:
            cache[name] = header.read(self.get_all(name))
        return cache[name]  # type: ignore[return-value]  # what this header's type read

    def names(self) -> list[str]:
        """The canonical names of the header lines, in order, once a line."""
        return list(self.keys)

    # Editing

    def set(self, name: str, value: str) -> None:
        """Make `value` the only line of this header, in the place of the first one or at the
        end."""
        key = _checked(name, value)
        place = self.keys.index(key) if key in self.index else len(self.keys)
        self.remove(name)
        self._put(place, key, f"{written(name)}: {value}")

    def add(self, name: str, value: str) -> None:
        """Add a header line after all others."""
        key = _checked(name, value)
        self._put(len(self.keys), key, f"{written(name)}: {value}")

    def append(self, name: str, value: str) -> None:
        """As `add`, without reading the index anew: for building a message line by line."""
        key = _checked(name, value)
        self.keys.append(key)
        self.lines.append(f"{written(name)}: {value}")
        if self.index.setdefault(key, value) is not value:
            self.repeated = [*self.repeated, key]

    def insert(self, name: str, value: str) -> None:
        """Add a header line above the others of its name, or above all lines if there is none."""
        key = _checked(name, value)
        self._put(
            self.keys.index(key) if key in self.index else 0, key, f"{written(name)}: {value}"
        )

    def remove(self, name: str) -> None:
        """Remove all lines of a header."""
        key = canonical(name)
        if key in self.index:
            self.lines = [
                line for line, other in zip(self.lines, self.keys, strict=True) if other != key
            ]
            self.rebuild_index()

    def _put(self, place: int, key: str, line: str) -> None:
        self.keys.insert(place, key)
        self.lines.insert(place, line)
        self.rebuild_index()

    def rebuild_index(self) -> None:
        """Read names and first values from the lines anew and forget what was parsed."""
        self.known_keys = None
        self.index.clear()
        repeated: list[str] = []
        for line, key in zip(self.lines, self.keys, strict=True):
            if key in self.index:
                repeated.append(key)
            else:
                self.index[key] = unfold(line.partition(":")[2]).strip(" \t")
        self.repeated = repeated
        self.core_values = None
        self.typed_values = None

    def copy(self) -> Message:
        """A message that can be edited without touching this one."""
        other = Message()
        other.is_request = self.is_request
        other.method, other.uri, other.version = self.method, self.uri, self.version
        other.status, other.reason = self.status, self.reason
        other.body, other.received_body = self.body, self.received_body
        other.lines, other.known_keys = self.lines.copy(), self.keys.copy()
        other.index, other.repeated = self.index.copy(), self.repeated
        other.fault, other.core_values = self.fault, self.core_values
        return other

    def stamp(self, received: str, rport: int) -> None:
        """Write `received` (unless "") and the value of `rport` (unless 0) into the topmost Via
        (RFC 3261 18.2.1, 3581)."""
        if "via" not in self.index:
            return
        value = stamped(self.index["via"], received, rport)
        self.index["via"] = value
        self.lines[self._via_place()] = f"Via: {value}"
        if self.typed_values is not None:
            self.typed_values.pop("via", None)

    # Writing

    def to_bytes(self) -> bytes:
        """The message on the wire: untouched lines byte for byte, Content-Length right if the body
        was replaced."""
        if self.body is not self.received_body:
            self._follow_body()
        return self._join([self._start_line(), *self.lines])

    def reply(
        self,
        status: int,
        reason: str,
        *,
        to_tag: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> bytes:
        """A response by RFC 3261 8.2.6; of a malformed request it holds what there is."""
        index = self.index
        out = [f"SIP/2.0 {status} {reason}"]
        if "via" in self.repeated:
            out += self._lines_of("via")
        elif "via" in index:
            out.append(f"Via: {index['via']}")
        if 100 < status < 300 and "record-route" in index:
            out += self._lines_of("record-route")  # RFC 3261 12.1.1
        if "from" in index:
            out.append(f"From: {index['from']}")
        if "to" in index:
            # RFC 3261 8.2.6.2: the To tag is added only if the request has none
            out.append(
                f"To: {index['to']};tag={to_tag}"
                if to_tag and not self._has_to_tag()
                else f"To: {index['to']}"
            )
        if "call-id" in index:
            out.append(f"Call-ID: {index['call-id']}")
        if "cseq" in index:
            out.append(f"CSeq: {index['cseq']}")
        if status == 100 and "timestamp" in index:
            out.append(f"Timestamp: {index['timestamp']}")  # RFC 3261 8.2.6.1
        for name, value in headers:
            if "\n" in value or "\r" in value:
                raise UsageError(f"the value of {name} holds CR or LF: {value!r}")
            out.append(f"{name}: {value}")
        out.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "\r\n".join(out).encode("utf-8", "surrogateescape") + body

    def forward(
        self,
        uri: str,
        via: str,
        max_forwards: int,
        *,
        drop_routes: int = 0,
        record_routes: Sequence[str] = (),
        max_breadth: int = 0,
    ) -> bytes:
        """The request as a proxy sends it on (RFC 3261 16.6); all other lines byte for byte, a
        missing Content-Length added."""
        if "\n" in uri or "\r" in uri or " " in uri:
            raise UsageError(f"{uri!r} cannot be a Request-URI")
        if self.body is not self.received_body:
            self._follow_body()
        rest = self.lines.copy()
        index = self.index
        if "max-forwards" in index:
            rest[self._place("max-forwards", "Max-Forwards")] = f"Max-Forwards: {max_forwards}"
        else:
            rest.append(f"Max-Forwards: {max_forwards}")
        if max_breadth:
            if "max-breadth" in index:
                rest[self._place("max-breadth", "Max-Breadth")] = f"Max-Breadth: {max_breadth}"
            else:
                rest.append(f"Max-Breadth: {max_breadth}")  # RFC 5393 5.3.3
        if "content-length" not in index:
            rest.append(f"Content-Length: {len(self.body)}")  # RFC 3261 16.6 step 9
        if drop_routes and "route" in index:
            self._drop_routes(rest, drop_routes)
        out = [f"{self.method} {uri} SIP/2.0", f"Via: {via}"]
        if record_routes:
            out += [f"Record-Route: {value}" for value in record_routes]
        out += rest
        return self._join(out)

    def pop_via(self) -> bytes:
        """The response without its topmost Via value (RFC 3261 16.7 step 3), all other lines byte
        for byte."""
        if self.body is not self.received_body:
            self._follow_body()
        out = [self._start_line(), *self.lines]
        if "via" in self.index:
            place = self._via_place() + 1
            value = self.index["via"]
            further = split_commas(value)[1:] if "," in value else None
            if further:
                out[place] = f"Via: {', '.join(further)}"
            else:
                del out[place]
        if "content-length" not in self.index:
            out.append(f"Content-Length: {len(self.body)}")
        return self._join(out)

    def _start_line(self) -> str:
        if self.is_request:
            return f"{self.method} {self.uri} {self.version}"
        return f"{self.version} {self.status} {self.reason}"

    def _join(self, out: list[str]) -> bytes:
        out.append("\r\n")
        return "\r\n".join(out).encode("utf-8", "surrogateescape") + self.body

    def _place(self, name: str, spelling: str) -> int:
        """Where the first line of a header is that is there; `spelling` is how most write it."""
        if name not in self.repeated:
            line = f"{spelling}: {self.index[name]}"
            if line in self.lines:
                return self.lines.index(line)
        return self.keys.index(name)

    def _via_place(self) -> int:
        return 0 if self.lines[0][:5] == "Via: " else self.keys.index("via")

    def _lines_of(self, name: str) -> list[str]:
        return [line for key, line in zip(self.keys, self.lines, strict=True) if key == name]

    def _has_to_tag(self) -> bool:
        core = self.core_values
        return (
            core.to_tag != ""
            if core is not None
            else ";tag" in self.index["to"].lower().replace(" ", "")
        )

    def _follow_body(self) -> None:
        """Correct Content-Length: the body is no longer the received one."""
        self.set("Content-Length", str(len(self.body)))
        self.received_body = self.body

    def _drop_routes(self, rest: list[str], count: int) -> None:
        """Remove the first `count` Route values from `rest`, which is parallel to `keys`."""
        value = self.only("route")
        if value is not None and "," not in value:
            del rest[self._place("route", "Route")]
            return
        doomed: list[int] = []
        for place, key in enumerate(self.keys):
            if key != "route" or not count:
                continue
            values = split_commas(value_of(rest[place]))
            if len(values) <= count:
                doomed.append(place)
                count -= len(values)
            else:
                rest[place] = f"Route: {', '.join(values[count:])}"
                count = 0
        for place in reversed(doomed):
            del rest[place]


def _checked(name: str, value: str) -> str:
    """The canonical name of a header that may be written. Raises UsageError if it could break the
    head."""
    key = canonical(name)
    if not key:
        raise UsageError(f"{name!r} cannot be a header name")
    if not _FORBIDDEN.isdisjoint(value):
        raise UsageError(f"the value of {name} holds CR, LF or NUL: {value!r}")
    return key
