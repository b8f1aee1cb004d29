"""Reading a REGISTER (RFC 3261 10.3 steps 5 to 7, RFC 3327 5.3, RFC 5626 6).

Pure: nothing here knows the bindings. The usual Contact, one bracketed SIP URI, is read by one
expression; whatever that does not match goes through the typed header. Require, authentication, and
which domains are ours are the caller's.
"""

from __future__ import annotations

import re
from functools import lru_cache

from offhook.errors import PeerError
from offhook.message import Message, NameAddr, Uri
from offhook.message.headers import CONTACT, PATH, SUPPORTED, TO, VIA
from offhook.registrar.gruu import Gruus
from offhook.registrar.registration import (
    ContactRequest,
    Refusal,
    RegistrarPolicy,
    Registration,
)

__all__ = ["address_of_record", "read"]

MAX_CONTACT = 1024  # characters of a Contact URI: one with push parameters (RFC 8599) has 600
MAX_PARAMETERS = 512  # characters of its other parameters: those of RFC 3840 have 300
MAX_INSTANCE = 128  # characters: a URN with a UUID has 45
MAX_PATH = 2048  # characters of all Path values: ten edge proxies with tokens
MAX_CALL_ID = 256  # characters: the longest seen has 100
MAX_USER_AGENT = 96  # characters kept; for people to read, so it is cut and not refused
LONGEST = 2**32 - 1  # RFC 3261 10.2: a longer interval means this one
MALFORMED_MEANS = 3600  # RFC 3261 10.2

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_USUAL_CONTACT = re.compile(
    r"(?:\"[^\"\\<>]*\"[ ]*|[\w.-]*[ ]*)"  # display name
    r"<(sips?:[\w.!~*'()&=+$-]+@"  # user; a password or an escape goes the other way
    rf"(?:{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}|(?:[\w-]+\.)*[A-Za-z][\w-]*)"
    # at most one URI parameter, so none is there twice
    r"(?::(\d{1,5}))?(?:;[\w-]+(?:=[\w.-]+)?)?)>"
    # what most phones send
    r"(?:(?:;expires=(\d{1,10}))?(?:;\+sip\.instance=\"([^\"\\]{1,128})\")?"
    r"|((?:;[\w+.-]+(?:=(?:\"[^\"\\]*\"|[^\";,\s<>\\]+))?)*))\Z",
    re.ASCII,
)
_OURS = frozenset({"pub-gruu", "temp-gruu"})
_PARAMETER = re.compile(r";([\w+.-]+)(?:=(\"[^\"\\]*\"|[^\";,\s<>\\]+))?", re.ASCII)
_Q = re.compile(r"0(?:\.(\d{0,3}))?|1(?:\.0{0,3})?", re.ASCII)


def address_of_record(message: Message) -> Uri:
    """The URI in To, whose bindings the request is about. Raises PeerError (400) if it is no SIP
    address with a user part."""
    to = message.typed(TO)
    if to is None or not to.uri.is_sip:
        raise PeerError(400, "Bad To: Not a SIP Address")
    return to.uri


def read(
    message: Message,
    *,
    aor: str = "",
    policy: RegistrarPolicy,
    flow: str,
    by_flow: bool,
    gruus: Gruus | None = None,
) -> Registration:
    """Understand a REGISTER.

    `aor` is the canonical address-of-record where the caller has mapped it, else it is taken from
    To. `flow` is the name of the flow that the request came by, `by_flow` whether the phone is to
    be reached by that flow alone; a phone that uses outbound always is (RFC 5626 7), one behind an
    edge never. `gruus` makes the GRUUs for phones that take them. Raises PeerError (400).
    """
    core = message.core()
    call_id = core.call_id
    user_agent = message.get("user-agent") or ""
    if not user_agent.isascii():
        user_agent = user_agent.encode("utf-8", "replace").decode()
    registration = Registration(
        aor or address_of_record(message).aor(),
        call_id,
        core.cseq,
        [],
        flow,
        by_flow,
        _shared(user_agent[:MAX_USER_AGENT]),
        policy,
    )
    if len(call_id) > MAX_CALL_ID:
        raise PeerError(400, "Call-ID Too Long")
    contacts = message.get_all("contact")
    _refuse_unless_utf8(registration.aor, call_id, *contacts)
    if contacts:
        _read_contacts(registration, message, contacts)
    if "path" in message.index:
        _read_path(registration, message)
    if policy.outbound:
        _read_outbound(registration, message)
    if gruus is not None and "supported" in message.index and "gruu" in message.typed(SUPPORTED):
        registration.gruus = gruus
    return registration


def _read_contacts(registration: Registration, message: Message, values: list[str]) -> None:
    asked = message.get("expires")
    if len(values) == 1 and _read_usual(registration, values[0], asked):
        return
    for address in message.typed(CONTACT):
        if address.wildcard:
            registration.wildcard = True
        else:
            pairs = [(name, value or "") for name, value in address.parameters.raw()]
            _add(registration, address.uri.text, pairs, asked)
    if registration.wildcard:
        alone = len(message.typed(CONTACT)) == 1
        if not alone or asked is None or _seconds(asked) != 0:
            # RFC 3261 10.3 step 6
            raise PeerError(400, "Wildcard Contact Must Be Alone With Expires 0")
    elif len(registration.contacts) > registration.policy.max_contacts * 2:
        raise PeerError(400, "Too Many Contacts")  # adding and removing all of them would fit


def _read_usual(registration: Registration, value: str, asked: str | None) -> bool:
    """Read the one Contact of an ordinary phone; False if it is not ordinary enough."""
    match = _USUAL_CONTACT.match(value)
    if match is None or len(value) > MAX_PARAMETERS:
        return False
    uri, port, expires, instance, others = match.groups()
    if port is not None and not 1 <= int(port) <= 65535:
        return False
    if others:
        _add(registration, uri, _PARAMETER.findall(others), asked)
        return True
    asked = expires or asked
    policy = registration.policy
    seconds = policy.default if asked is None else _granted(registration, _seconds(asked))
    registration.contacts.append(ContactRequest(uri, seconds, 1000, instance or ""))
    return True


def _add(
    registration: Registration, uri: str, pairs: list[tuple[str, str]], asked: str | None
) -> None:
    """Add one contact; `pairs` are its parameters as written, `asked` the Expires header."""
    policy = registration.policy
    contact = ContactRequest(uri, policy.default)
    seen = set()
    kept = []
    for name, value in pairs:
        lowered = name.lower()
        seen.add(lowered)
        if lowered == "expires":
            asked = value
        elif lowered == "q":
            contact.q = _quality(value)
        elif lowered == "+sip.instance":
            contact.instance = value.strip('"')
        elif lowered in _OURS:
            pass  # RFC 5627 5.1: nobody can suggest a GRUU to us
        else:
            kept.append(f";{name}={value}" if value else f";{name}")
            if lowered == "reg-id" and policy.outbound and value.isdecimal() and len(value) < 10:
                contact.reg_id = int(value)
    if len(seen) != len(pairs):
        raise PeerError(400, "Bad Contact: A Parameter Twice")
    if asked is not None:
        contact.expires = _granted(registration, _seconds(asked))
    contact.parameters = "".join(kept)
    if (
        len(uri) > MAX_CONTACT
        or len(contact.parameters) > MAX_PARAMETERS
        or len(contact.instance) > MAX_INSTANCE
    ):
        raise PeerError(400, "Contact Too Long")
    registration.contacts.append(contact)


def _granted(registration: Registration, seconds: int) -> int:
    """The interval that the registrar chooses for a requested one (RFC 3261 10.3 step 7)."""
    policy = registration.policy
    if 0 < seconds < policy.minimum and seconds < 3600:
        registration.refusal = Refusal(
            423, "Interval Too Brief", (("Min-Expires", str(policy.minimum)),)
        )
    return min(seconds, policy.maximum)


def _seconds(text: str) -> int:
    """An interval; a malformed one is an hour (RFC 3261 10.2)."""
    if not (text.isascii() and text.isdecimal()):
        return MALFORMED_MEANS
    return int(text) if len(text) <= 10 else LONGEST


def _quality(text: str) -> int:
    """q in thousandths; a malformed one is the default, as it harms nobody."""
    match = _Q.fullmatch(text)
    if match is None or text[:1] == "1":
        return 1000
    return int((match[1] or "").ljust(3, "0"))


def _read_path(registration: Registration, message: Message) -> None:
    """Keep the Path (RFC 3327 5.3); each value must be a SIP URI, as requests will be sent
    there."""
    values: list[NameAddr] = message.typed(PATH)
    if not all(value.uri.is_sip for value in values):
        raise PeerError(400, "Bad Path")
    registration.path = tuple([str(value) for value in values])
    registration.by_flow = False  # the edge can be connected to again; only the phone cannot
    _refuse_unless_utf8(*registration.path)
    if sum(map(len, registration.path)) > MAX_PATH:
        raise PeerError(400, "Path Too Long")
    registration.show_path = "path" in message.typed(SUPPORTED)
    if registration.policy.require_path_support and not registration.show_path:
        registration.refusal = Refusal(420, "Bad Extension", (("Unsupported", "path"),))


def _read_outbound(registration: Registration, message: Message) -> None:
    """Decide whether outbound processing applies (RFC 5626 6), else forget every reg-id."""
    contacts = registration.contacts
    flows = [contact for contact in contacts if contact.reg_id and contact.instance]
    if not flows:
        for contact in contacts:
            contact.reg_id = 0
        return
    if len([contact for contact in contacts if contact.expires]) > 1:
        raise PeerError(400, "One Flow A Registration")
    supported = "outbound" in message.typed(SUPPORTED)
    first_hop = len(message.typed(VIA)) == 1
    path = message.typed(PATH)
    if first_hop or (path and "ob" in path[-1].uri.parameters):
        registration.outbound = supported
        if first_hop and supported:
            registration.by_flow = True  # RFC 5626 7: requests take this flow, and no other way
        return
    for contact in contacts:
        contact.reg_id = 0
    if supported:
        registration.refusal = Refusal(439, "First Hop Lacks Outbound Support")


def _refuse_unless_utf8(*texts: str) -> None:
    """Other octets could be stored, but not written as text anywhere."""
    for text in texts:
        if not text.isascii() and not _is_utf8(text):
            raise PeerError(400, "Not UTF-8")


@lru_cache(maxsize=1024)
def _shared(text: str) -> str:
    """One string for all equal ones: thousands of bindings name the same few user agents."""
    return text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
