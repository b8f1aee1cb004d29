"""What a profile lets in before any handler sees it: bans, identities, challenges (design: section
4)."""

from __future__ import annotations

from offhook.auth.bans import Admission
from offhook.engine.incoming import OwnReply
from offhook.exchange.authentication import Authenticator, aor_in
from offhook.exchange.builtin import ALLOW, METHODS, proxy_require
from offhook.exchange.request import Request
from offhook.exchange.serving import Serving
from offhook.exchange.verdict import Delayed, Pending

__all__ = ["Doorkeeper"]


class Doorkeeper:
    """Admits requests of one server."""

    def __init__(self, serving: Serving, authenticator: Authenticator) -> None:
        self._serving = serving
        self._authenticator = authenticator

    def admit(self, request: Request, *, handled: bool) -> OwnReply | Delayed | Pending | None:
        """None if the request may go on. `handled`: the program has a handler for its method."""
        serving = self._serving
        profile = request.profile
        if request.incoming.token is not None:
            return None  # of a dialog that we routed
        if (
            serving.bans.verdict(request.source[0], serving.clock.now()).admission
            is Admission.BANNED
        ):
            serving.counters.banned += 1
            return Delayed(None, 0.0)
        refusal = proxy_require(request)
        if refusal is not None:
            return refusal
        register = request.method == "REGISTER"
        if register and not profile.registrar and not handled:
            return OwnReply(405, "", (ALLOW,))
        if serving.gateways:
            request.gateway = serving.gateway_of(request.incoming.flow)
        if profile.authenticate and (register or request.gateway is None):
            if request.method not in METHODS and not handled:
                return OwnReply(405, "", (ALLOW,))
            if request.method == "OPTIONS" and not request.uri.user:
                return None  # a health check of the server itself
            return self._authenticator.now(request)
        if not profile.open and aor_in(serving, request, register=False):
            return OwnReply(403, "Identity Not Verified")
        return None
