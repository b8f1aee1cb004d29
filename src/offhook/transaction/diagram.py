"""Draws the reference page of the transaction machines from their tables.

A test compares it with `docs/reference/transactions.md`; to write that file anew is left to the
caller. The rules themselves are in the four machines (RFC 3261 17, RFC 4320, RFC 6026).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import fields
from enum import IntEnum
from typing import Protocol, TypeVar

from offhook.transaction import client_invite, client_non_invite, server_invite, server_non_invite
from offhook.transaction.timers import Timing

__all__ = ["draw", "page"]

_HEAD = """\
# Transactions

Drawn from the tables in `src/offhook/transaction/` by `offhook.transaction.diagram.page()`: change
a table, then write the page anew; a test compares both.

An arrow reads *input / action*. Inputs are messages of the peer, responses of the transaction user,
timers, and failed sends. What a state ignores on purpose is listed below its diagram; Terminated
ignores everything. Any other pair is a fault of the calling program and raises `UsageError`.
"""
_WORDS = {"PROVISIONAL": "1xx", "SUCCESS": "2xx", "FAILURE": "300-699", "FINAL": "200-699"}
_METHODS = ("INVITE", "ACK")
_CAPITALS = frozenset({"a", "ack", "e", "g", "invite", "t2"})


class Action(Protocol):
    """What a table calls."""

    __name__: str
    __doc__: str | None


State = TypeVar("State", bound=IntEnum)
Input = TypeVar("Input", bound=IntEnum)
Table = Mapping[State, Mapping[Input, tuple[Action, State]]]


def draw(table: Table[State, Input]) -> str:
    """The Mermaid state diagram of one table. The first state is the one it starts in."""
    states = type(next(iter(table)))
    lines = ["stateDiagram-v2", f"    [*] --> {_state(next(iter(states)))}"]
    for state, row in table.items():
        for symbol, (action, after) in row.items():
            label = f"{_input(symbol)} / {_words(action)}"
            lines.append(f"    {_state(state)} --> {_state(after)}: {label}")
    lines.append("    Terminated --> [*]")
    return "\n".join(lines)


def page() -> str:
    """The whole reference page."""
    parts = [
        _HEAD,
        _section("INVITE client", client_invite.TABLE, client_invite.IGNORED),
        _section("Non-INVITE client", client_non_invite.TABLE, client_non_invite.IGNORED),
        _section("INVITE server", server_invite.TABLE, server_invite.IGNORED),
        _section("Non-INVITE server", server_non_invite.TABLE, server_non_invite.IGNORED),
        _timing(),
    ]
    return "\n".join(parts)


def _section(title: str, table: Table[State, Input], ignored: Mapping[State, Set[Input]]) -> str:
    lines = [f"## {title}", "", "```mermaid", draw(table), "```", ""]
    lines += ["| action | does |", "|---|---|"]
    lines += [f"| {_words(each)} | {_sentence(each)} |" for each in _actions(table)]
    lines += ["", "| state | ignores |", "|---|---|"]
    lines += [
        f"| {_state(state)} | {_list(sorted(inputs))} |"
        for state, inputs in ignored.items()
        if state in table
    ]
    return "\n".join(lines) + "\n"


def _actions(table: Table[State, Input]) -> Iterator[Action]:
    seen = set()
    for row in table.values():
        for action, _ in row.values():
            if action.__name__ not in seen:
                seen.add(action.__name__)
                yield action


def _timing() -> str:
    timing = Timing()
    lines = ["## Delays", "", "Seconds, with the default T1, T2 and T4.", ""]
    lines += ["| delay | value |", "|---|---|"]
    lines += [f"| `{each.name}` | {getattr(timing, each.name):g} |" for each in fields(timing)]
    lines += ["", "Timers D, I, J and K are 0 on reliable transports, which know no A, E and G."]
    return "\n".join(lines) + "\n"


def _state(state: IntEnum) -> str:
    return state.name.capitalize()


def _input(symbol: IntEnum) -> str:
    name = symbol.name
    if name in _METHODS:
        return name
    if name.startswith("TIMER_") and len(name) == len("TIMER_X"):
        return f"timer {name[-1]}"
    return _WORDS.get(name, name.replace("_", " ").lower())


def _list(inputs: Iterable[IntEnum]) -> str:
    return ", ".join(map(_input, inputs)) or "nothing"


def _words(action: Action) -> str:
    words = action.__name__.split("_")
    return " ".join(word.upper() if word in _CAPITALS else word for word in words)


def _sentence(action: Action) -> str:
    return " ".join((action.__doc__ or "").split())
