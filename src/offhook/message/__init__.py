"""SIP messages: from octets to messages and back, with typed headers, URIs, validation and stream
framing (RFC 3261 7, 18.3, 19.1, 20, 25)."""

from __future__ import annotations

from offhook.message.build import make_request
from offhook.message.headers.address import NameAddr
from offhook.message.headers.base import HeaderType
from offhook.message.headers.via import Via
from offhook.message.interface import Core, HotMessage
from offhook.message.message import Message
from offhook.message.parameters import Parameters
from offhook.message.parse import parse
from offhook.message.status import REASONS, reason_for
from offhook.message.stream import KeepAlive, StreamFramer
from offhook.message.uri import Uri, parse_uri
from offhook.message.validate import Fault, Role, validate

__all__ = [
    "REASONS",
    "Core",
    "Fault",
    "HeaderType",
    "HotMessage",
    "KeepAlive",
    "Message",
    "NameAddr",
    "Parameters",
    "Role",
    "StreamFramer",
    "Uri",
    "Via",
    "make_request",
    "parse",
    "parse_uri",
    "reason_for",
    "validate",
]
