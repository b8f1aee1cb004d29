"""Routing programs: the Exchange, its requests and decisions, and the built-in program."""

from offhook.exchange.exchange import Exchange
from offhook.exchange.fork import Fork
from offhook.exchange.handlers import Decision
from offhook.exchange.profile import Gateway, Profile
from offhook.exchange.relay import Relay
from offhook.exchange.reply import Reply
from offhook.exchange.request import Request
from offhook.proxy.target import Outcome, Target

__all__ = [
    "Decision",
    "Exchange",
    "Fork",
    "Gateway",
    "Outcome",
    "Profile",
    "Relay",
    "Reply",
    "Request",
    "Target",
]
