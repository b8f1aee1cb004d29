"""Every error that offhook raises, as one tree.

OffhookError
├── PeerError                 a fault of the peer; carries the SIP status to answer
│   ├── MessageError          the message is malformed or breaks a limit
│   │   └── FramingError      the byte stream cannot be followed any more: close the connection
│   ├── UriError              a URI is malformed or its scheme is not served
│   └── ChallengeError        a digest header is malformed
├── CallerCancelled           the caller sent CANCEL while a handler waited for a fork
├── StorageError              the database failed or did not answer in time
├── ConfigurationError        the configuration is wrong: one line a fault
├── StartError                a listener, certificate or database cannot be opened: one line
└── UsageError                the calling program broke a rule of this library
    └── NotServing            the exchange is not bound to a running server
"""

from __future__ import annotations

__all__ = [
    "CallerCancelled",
    "ChallengeError",
    "ConfigurationError",
    "FramingError",
    "MessageError",
    "NotServing",
    "OffhookError",
    "PeerError",
    "StartError",
    "StorageError",
    "UriError",
    "UsageError",
]


class OffhookError(Exception):
    """The root of the tree."""


class PeerError(OffhookError):
    """A fault of the peer: `status` (400-699) and `reason` are what to answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class MessageError(PeerError):
    """A message is malformed or breaks a limit of `message.limits`."""


class FramingError(MessageError):
    """A byte stream cannot be followed any more (RFC 3261 18.3): answer if possible, then close."""


class UriError(PeerError):
    """A URI is malformed (400) or its scheme is not served (416)."""


class ChallengeError(PeerError):
    """A digest challenge or credential header is malformed (400)."""


class CallerCancelled(OffhookError):  # noqa: N818 - an event, not a fault
    """The caller sent CANCEL while the handler waited for a fork."""


class StorageError(OffhookError):
    """The database failed or did not answer before its deadline."""


class ConfigurationError(OffhookError):
    """The configuration is wrong. `faults` holds one actionable line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class StartError(OffhookError):
    """Something that the server needs cannot be opened; the text is one actionable line."""


class UsageError(OffhookError):
    """The calling program broke a rule of this library; the text says what to do instead."""


class NotServing(UsageError):  # noqa: N818 - a state, named as programs see it
    """A store or service was used before a running server bound the exchange."""
