"""offhook: a SIP platform in Python.

The names of the programming interface are imported when they are first used, so that
`import offhook` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from offhook.version import __version__

if TYPE_CHECKING:
    from offhook.errors import CallerCancelled, NotServing, OffhookError
    from offhook.exchange import Decision, Exchange, Fork, Outcome, Relay, Reply, Request, Target

__all__ = [
    "CallerCancelled",
    "Decision",
    "Exchange",
    "Fork",
    "NotServing",
    "OffhookError",
    "Outcome",
    "Relay",
    "Reply",
    "Request",
    "Target",
    "__version__",
]

_HOMES = {
    "CallerCancelled": "offhook.errors",
    "Decision": "offhook.exchange",
    "Exchange": "offhook.exchange",
    "Fork": "offhook.exchange",
    "NotServing": "offhook.errors",
    "OffhookError": "offhook.errors",
    "Outcome": "offhook.exchange",
    "Relay": "offhook.exchange",
    "Reply": "offhook.exchange",
    "Request": "offhook.exchange",
    "Target": "offhook.exchange",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home, once."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
