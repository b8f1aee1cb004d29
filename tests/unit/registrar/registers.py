"""REGISTER requests for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.message import Message, parse
from offhook.registrar import Binding, Gruus, RegistrarPolicy, Registration, Update, change, read

AOR = "sip:alice@example.com"
NOW = 1_800_000_000.0
INSTANCE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"


def request(
    *contacts: str,
    call_id: str = "one",
    cseq: int = 1,
    headers: Sequence[str] = (),
    to: str = "<sip:alice@example.com>",
) -> Message:
    """A REGISTER with these Contact lines and header lines."""
    lines = [
        "REGISTER sip:example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=1",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        *[f"Contact: {contact}" for contact in contacts],
        *headers,
        "Content-Length: 0",
    ]
    return parse(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))


def registration(
    *contacts: str,
    call_id: str = "one",
    cseq: int = 1,
    headers: Sequence[str] = (),
    policy: RegistrarPolicy | None = None,
    flow: str = "udp/a/b",
    by_flow: bool = False,
    gruus: Gruus | None = None,
) -> Registration:
    """The same, read."""
    message = request(*contacts, call_id=call_id, cseq=cseq, headers=headers)
    return read(
        message, policy=policy or RegistrarPolicy(), flow=flow, by_flow=by_flow, gruus=gruus
    )


class Registrar:
    """One AoR and what REGISTERs make of it."""

    def __init__(self, policy: RegistrarPolicy | None = None) -> None:
        self.policy = policy or RegistrarPolicy()
        self.bindings: Sequence[Binding] = ()
        self.cseq = 0

    def register(
        self,
        *contacts: str,
        call_id: str = "one",
        cseq: int = 0,
        headers: Sequence[str] = (),
        flow: str = "udp/a/b",
        by_flow: bool = False,
        now: float = NOW,
        gruus: Gruus | None = None,
    ) -> Update:
        """Apply one REGISTER; without `cseq` each is newer than the last."""
        self.cseq = cseq or self.cseq + 1
        wanted = registration(
            *contacts,
            call_id=call_id,
            cseq=self.cseq,
            headers=headers,
            policy=self.policy,
            flow=flow,
            by_flow=by_flow,
            gruus=gruus,
        )
        update = change(self.bindings, wanted, now)
        self.bindings = tuple(update.bindings)
        return update

    @property
    def contacts(self) -> list[str]:
        """The URIs bound at the moment."""
        return [binding.contact for binding in self.bindings]


def contacts_of(update: Update) -> list[str]:
    """The Contact values of an answer."""
    return [value for name, value in update.headers if name == "Contact"]
