"""The proxy core of RFC 3261 16: targets, forks, response contexts, forwarding, route tokens."""

from offhook.proxy.response_context import Fork, ResponseContext
from offhook.proxy.target import ForkRequest, Outcome, Target

__all__ = ["Fork", "ForkRequest", "Outcome", "ResponseContext", "Target"]
