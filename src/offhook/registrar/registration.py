"""What a REGISTER asks for, and what a registrar allows (RFC 3261 10.2, 10.3): values without
behaviour.

`reading` makes them from a message, `server` applies them to bindings.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.registrar.gruu import Gruus

__all__ = ["ContactRequest", "Refusal", "RegistrarPolicy", "Registration"]


@dataclass(frozen=True, slots=True)
class RegistrarPolicy:
    """What a registrar allows. Times are in seconds."""

    minimum: int = 60  # shorter ones are answered 423
    # longer ones are shortened: a phone that vanished is forgotten in two hours
    maximum: int = 7200
    default: int = 3600  # if the request names none
    max_contacts: int = 10  # of one address-of-record: forks stay small
    require_path_support: bool = False  # 420 to a Path without `Supported: path` (RFC 3327 5.3)
    # in which a phone that uses outbound keeps its flow alive, 30 at most over UDP (RFC 5626 4.4);
    # 0: it is not told, and silence is nothing
    flow_timer: int = 120
    service_route: tuple[str, ...] = ()  # how requests of the phone begin their Route (RFC 3608)
    outbound: bool = True  # honour reg-id (RFC 5626): our listeners answer its keep-alives


@dataclass(slots=True)
class ContactRequest:
    """One Contact value. Not frozen: two of these types are made for each REGISTER (0.4 µs, not
    1)."""

    uri: str  # as written, without brackets
    expires: int  # seconds granted; 0 removes
    q: int = 1000  # thousandths
    instance: str = ""  # +sip.instance without quotes
    reg_id: int = 0  # 0 if absent or not honoured
    parameters: str = ""  # all others, as written, with their leading ";"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final answer that does not depend on the bindings."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Registration:
    """One REGISTER as the registrar understood it."""

    aor: str
    call_id: str
    cseq: int
    contacts: list[ContactRequest]  # empty: a fetch, or `wildcard`
    flow: str
    by_flow: bool
    user_agent: str
    policy: RegistrarPolicy
    wildcard: bool = False  # `Contact: *`: remove all
    path: tuple[str, ...] = ()
    show_path: bool = False  # the phone understands Path, so the 200 repeats it
    outbound: bool = False  # outbound processing applies (RFC 5626 6)
    refusal: Refusal | None = None
    gruus: Gruus | None = None  # the phone takes GRUUs, and these make them (RFC 5627 5.2)
