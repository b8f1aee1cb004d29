"""Which redirections are followed (RFC 3261 16.7 step 4): whoever answers 3xx must not decide where
our callers are sent.

A phone that forwards its calls may name users of ours, as its owner could call them. Anything else
is the program's decision, Contact by Contact. A Contact at a gateway is never followed by its
address: it would call at the gateway's owner's expense (toll fraud). A program that means the
gateway returns the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.errors import OffhookError, UriError
from offhook.exchange.gateway_guard import port_of
from offhook.exchange.late_log import LateLog
from offhook.exchange.location import lookup_now
from offhook.exchange.profile import Gateway
from offhook.exchange.serving import Serving
from offhook.exchange.targets import TargetLike, make_target
from offhook.message.uri import Uri, parse_uri
from offhook.proxy.target import Redirects, Target
from offhook.transport.secure import is_sips

__all__ = ["Redirect", "followed"]

log = LateLog()

Redirect = bool | Callable[[Uri], TargetLike | None]


def followed(serving: Serving, uri: str, redirect: Redirect, call_id: str) -> Redirects | None:
    """How a request to `uri` follows 3xx responses; None if it does not."""
    if redirect is False:
        return None
    return Redirects(uri, _Follow(serving, redirect, call_id))


class _Follow:
    """From a Contact URI to targets. Raises nothing: it is called inside the engine."""

    __slots__ = ("_call_id", "_redirect", "_serving")

    def __init__(self, serving: Serving, redirect: Redirect, call_id: str) -> None:
        self._serving = serving
        self._redirect = redirect
        self._call_id = call_id

    def __call__(self, contact: str) -> Sequence[Target]:
        try:
            found = self._targets(contact)
        except OffhookError as error:
            log.info("redirect_refused", call_id=self._call_id, contact=contact, reason=str(error))
            return ()
        except Exception as error:
            log.error("redirect_failed", call_id=self._call_id, contact=contact, exc_info=error)
            return ()
        if not found:
            log.info("redirect_refused", call_id=self._call_id, contact=contact)
        return found

    def _targets(self, contact: str) -> Sequence[Target]:
        if callable(self._redirect):
            like = self._redirect(parse_uri(contact))
            if like is None:
                return ()
            if isinstance(like, Gateway):
                return (make_target(like, _dialled(contact), self._serving),)
            if isinstance(like, (str, Uri)):
                contact = str(like)
            else:
                return (make_target(like, contact, self._serving),)
        phones = self._phones(contact)
        if phones is not None or not callable(self._redirect):
            return phones or ()
        if self._guarded(contact):
            return ()
        return (make_target(contact, contact, self._serving),)

    def _phones(self, contact: str) -> Sequence[Target] | None:
        """The phones of a user of ours, the one of a GRUU, None if the URI names none."""
        serving = self._serving
        aor = serving.aor_of(contact)
        if not aor:
            return None
        return lookup_now(serving, aor, serving.gruu_of(contact), secure=is_sips(contact)) or ()

    def _guarded(self, contact: str) -> bool:
        """True if this address is a gateway's."""
        guarded = self._serving.guarded
        try:
            uri = parse_uri(contact)
        except UriError:
            return True
        hosts = {uri.host, uri.parameters.get("maddr") or uri.host} if uri.is_sip else set()
        return guarded is not None and any(guarded(host, port_of(uri)) for host in hosts)


def _dialled(contact: str) -> str:
    """The URI that a gateway takes the number from: a tel URI as a SIP one (RFC 3261 19.1.6)."""
    uri = parse_uri(contact)
    return contact if uri.is_sip else str(Uri.make("gateway.invalid", user=uri.user))
