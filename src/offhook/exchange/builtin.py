"""The built-in program: registrations, calls between users, OPTIONS. Plain functions where the
store answers without waiting.

It is a secure default service: nothing is relayed but to users of our own domains, and to callers
who are not authenticated a known user without a phone and an unknown one are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from offhook.engine.incoming import OwnReply
from offhook.errors import PeerError
from offhook.exchange.contact_policy import forbidden_contact, forbidden_path, own_address
from offhook.exchange.kept_flows import keep_flow
from offhook.exchange.location import lookup_now, phones_of
from offhook.exchange.redirects import followed
from offhook.exchange.request import RING, Request
from offhook.exchange.serving import Serving
from offhook.exchange.sips import mixed_schemes, not_allowed
from offhook.proxy.target import ForkRequest, Target
from offhook.registrar.binding import Binding
from offhook.registrar.reading import read
from offhook.registrar.registration import Registration
from offhook.registrar.server import Update, change
from offhook.transport.flow import SECURE, WEBSOCKET
from offhook.transport.private import behind_translation, halfway_rewritten
from offhook.transport.route_set import bare_uri, is_relayed, split_route_uri
from offhook.transport.secure import is_sips

__all__ = ["ALLOW", "SUPPORTED", "call", "options", "register"]

METHODS = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "REGISTER",
    "MESSAGE",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
)
ALLOW = ("Allow", ", ".join(METHODS))
# option tags that a user agent may require of us
SUPPORTED = frozenset({"gruu", "outbound", "path"})
_OPTIONS = OwnReply(
    200,
    "",
    (ALLOW, ("Accept", "application/sdp"), ("Supported", ", ".join(sorted(SUPPORTED)))),
)
Answer = OwnReply | ForkRequest


def register(serving: Serving, request: Request) -> Answer | Awaitable[Answer]:
    """REGISTER (RFC 3261 10.3). The AoR has been checked against the account by now."""
    aor = serving.aor_of(_address_in_to(request))
    if not aor:
        return OwnReply(404, "Domain Not Served")
    message = request.message
    if "require" in message.index:
        refusal = _unsupported(request, "require", SUPPORTED)
        if refusal is not None:
            return refusal
    try:
        registration = read(
            message,
            aor=aor,
            policy=request.profile.policy,
            flow=request.incoming.flow.name,
            by_flow=_reached_by_flow(serving, request),
            gruus=serving.gruus,
        )
    except PeerError as error:
        return OwnReply(error.status, error.reason)
    if mixed_schemes(message, registration):
        return OwnReply(400, "SIPS Contact Needs SIPS Everywhere")
    guarded = serving.guarded is not None and forbidden_contact(serving, registration.contacts)
    if guarded or own_address(serving, registration):
        return OwnReply(403, "Contact Not Allowed")
    if registration.path and forbidden_path(serving, request, registration.path):
        return OwnReply(403, "Path Not Allowed")
    store = serving.immediate
    if store is not None:
        update = store.update_now(aor, _Change(registration, serving.clock.unix()))
        return _answer(serving, request, registration, update)
    return _register_later(serving, request, registration)


async def _register_later(serving: Serving, request: Request, registration: Registration) -> Answer:
    if not serving.engine.claim(request.incoming, serving.clock.now()):
        return OwnReply(482, "Merged Request")
    change_of = _Change(registration, serving.clock.unix())
    update = await serving.bindings.update(registration.aor, change_of)
    return _answer(serving, request, registration, update)


class _Change:
    """The change that a registration makes, as a store applies it."""

    __slots__ = ("_registration", "_unix")

    def __init__(self, registration: Registration, unix: float) -> None:
        self._registration = registration
        self._unix = unix

    def __call__(self, bindings: Sequence[Binding]) -> tuple[Update, Sequence[Binding]]:
        update = change(bindings, self._registration, self._unix)
        return update, update.bindings


def _answer(
    serving: Serving, request: Request, registration: Registration, update: Update
) -> OwnReply:
    headers = tuple(update.headers)
    if update.status == 200:  # RFC 5626 6
        headers += keep_flow(serving, request, registration)
    return OwnReply(update.status, update.reason, headers)


def _address_in_to(request: Request) -> str:
    return bare_uri(request.message.get("to") or "")


def _reached_by_flow(serving: Serving, request: Request) -> bool:
    """True if the phone cannot be sent to or connected to at its Contact."""
    incoming = request.incoming
    flow = incoming.flow
    if flow.transport in SECURE or flow.transport in WEBSOCKET:
        return True
    if "path" in request.message.index:
        return False  # RFC 3327 5.1: the Path leads to it, wherever the REGISTER came from

    def contact_host() -> str:
        contact = split_route_uri(bare_uri(request.header("contact") or ""))
        return contact.host if contact is not None else ""

    if flow.reliable and contact_host().endswith(".invalid"):
        return True  # RFC 7118 B.1: it has no address to tell
    relayed = is_relayed(request.message)
    if not behind_translation(incoming.core, flow, contact_host, relayed=relayed):
        return False
    if not relayed and halfway_rewritten(incoming.core, flow, contact_host):
        serving.rewritten.tell(flow.remote[0], request.call_id)
    return True


def options(serving: Serving, request: Request) -> Answer | Awaitable[Answer]:
    """OPTIONS: our capabilities if it is for the server itself, else it goes to the user's phones
    (RFC 3261 11)."""
    if request.uri.user:
        if request.incoming.core.max_forwards > 0:
            return call(serving, request)
        return OwnReply(483)  # RFC 3261 16.3 step 3
    return _unsupported(request, "require", SUPPORTED) or _OPTIONS


def call(serving: Serving, request: Request) -> Answer | Awaitable[Answer]:
    """Any other request goes to the phones of a user of ours, and nowhere else."""
    aor = request.aor
    incoming = request.incoming
    if not aor or incoming.next_route:
        return _unserved(request) or OwnReply(
            404 if not incoming.next_route else 403,
            "Domain Not Served" if not incoming.next_route else "Relaying Denied",
        )
    secure = is_sips(request.message.uri)
    gruu = serving.gruu_of(request.message.uri)
    phones = lookup_now(serving, aor, gruu, secure=secure)
    if phones is None:
        return _call_later(serving, request, aor)
    if phones:
        return _ring(serving, request, phones)
    if secure and lookup_now(serving, aor, gruu):
        return not_allowed(serving.default_domain)
    if request.account is None:
        return _unserved(request) or OwnReply(404)
    return _nobody(serving, request, aor)


def _ring(serving: Serving, request: Request, phones: Sequence[Target]) -> ForkRequest:
    fork = ForkRequest((phones,), RING, decides=True)
    if request.profile.redirect:
        fork.redirects = followed(serving, request.message.uri, True, request.call_id)
    return fork


async def _call_later(serving: Serving, request: Request, aor: str) -> Answer:
    secure = is_sips(request.message.uri)
    gruu = serving.gruu_of(request.message.uri)
    found, unix = await serving.bindings.lookup(aor), serving.clock.unix()
    phones: list[Target] = phones_of(found, unix, gruu, secure=secure)
    if phones:
        return _ring(serving, request, phones)
    if secure and phones_of(found, unix, gruu):
        return not_allowed(serving.default_domain)
    if request.account is None:
        return _unserved(request) or OwnReply(404)
    return await _nobody(serving, request, aor)


async def _nobody(serving: Serving, request: Request, aor: str) -> Answer:
    """An authenticated caller may know whether the user exists."""
    gruu = serving.gruu_of(request.message.uri)
    if gruu is not None and gruu.temporary:
        return OwnReply(404)  # RFC 5627 5.1: taken back, and nobody's since
    user, _, realm = aor.removeprefix("sips:").removeprefix("sip:").partition("@")
    known = await serving.accounts.get(user, realm)
    if known is not None:
        return OwnReply(480)
    return _unserved(request) or OwnReply(404)


def _unserved(request: Request) -> OwnReply | None:
    """Whom nobody else serves is served by us, as a user agent that lacks the method (RFC 3261
    8.2.1)."""
    return None if request.method in METHODS else OwnReply(405, "", (ALLOW,))


def _unsupported(request: Request, header: str, had: frozenset[str]) -> OwnReply | None:
    """420 for option tags that we do not have (RFC 3261 8.2.2.3, 16.3 step 5)."""
    tags = [tag.strip() for line in request.headers(header) for tag in line.split(",")]
    unknown = [tag for tag in tags if tag and tag.lower() not in had]
    if not unknown:
        return None
    return OwnReply(420, "", (("Unsupported", ", ".join(unknown)),))


def proxy_require(request: Request) -> OwnReply | None:
    """420 for what a proxy is required to have; we have none of it."""
    if "proxy-require" not in request.message.index:
        return None
    return _unsupported(request, "proxy-require", frozenset())
