"""A final answer of our own, as a plain value that a handler returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from offhook.errors import UsageError
from offhook.message.status import reason_for
from offhook.message.uri import Uri
from offhook.proxy.target import Target
from offhook.registrar.binding import Binding

__all__ = ["Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A final answer of our own: `status` 200-699, header values by name (a list for several
    lines), and a body with its Content-Type. `contacts` are where else to try, of a 3xx or a 485:
    URIs, bindings or look-up results, sent by falling q.

    Raises UsageError for a status outside 200-699, a body without a Content-Type, or contacts of
    another status.
    """

    status: int
    reason: str = ""  # the standard phrase if empty
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    body: bytes = b""
    contacts: Sequence[str | Uri | Binding | Target] = ()

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 699:
            raise UsageError(f"Reply({self.status}): a final status is 200-699")
        if self.body and not any(name.lower() == "content-type" for name in self.headers):
            raise UsageError("Reply: a body needs a Content-Type header")

        if self.contacts and not (300 <= self.status < 400 or self.status == 485):
            raise UsageError(f"Reply({self.status}): contacts belong to a 3xx or a 485")

    @property
    def phrase(self) -> str:
        """The reason phrase that is sent."""
        return self.reason or reason_for(self.status)

    def lines(self) -> list[tuple[str, str]]:
        """The header lines, one for each value."""
        found: list[tuple[str, str]] = []
        for name, value in self.headers.items():
            for each in [value] if isinstance(value, str) else value:
                if any(mark in each or mark in name for mark in "\r\n\0"):
                    raise UsageError(f"Reply: the value of {name} must be one line")
                found.append((name, each))
        placed = sorted([_place(contact) for contact in self.contacts], key=lambda each: -each[0])
        return found + [("Contact", value) for _, value in placed]


def _place(contact: str | Uri | Binding | Target) -> tuple[int, str]:
    """The q of a contact in thousandths, and its Contact value (RFC 3261 20.10)."""
    if isinstance(contact, Binding):
        q, text = contact.q, contact.contact
    elif isinstance(contact, Target):
        q, text = contact.q, contact.uri
    else:
        q, text = 1000, str(contact)
    if any(mark in text for mark in "<>\r\n\0 "):
        raise UsageError(f"Reply: {text!r} is no URI; write it as in sip:bob@example.com")
    return q, f"<{text}>;q={q / 1000:g}"
