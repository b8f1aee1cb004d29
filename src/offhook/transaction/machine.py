"""How a table of states and inputs becomes a machine: every pair has an entry, is ignored on
purpose, or is a fault of ours.

The four machines (RFC 3261 17, RFC 6026) write `TABLE = {state: {input: (action, next state)}}` and
`IGNORED = {state: inputs}`. This file turns both into tuples indexed by the enums; what the states
mean is left to the machines. An action gets the machine, the time and the bytes that came with the
input, and says whether the transaction user shall see that input.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import IntEnum
from typing import TypeVar

from offhook.errors import UsageError

__all__ = ["Rows", "compile_rows", "ignore", "unexpected"]

State = TypeVar("State", bound=IntEnum)
Input = TypeVar("Input", bound=IntEnum)
Action = TypeVar("Action")
Rows = tuple[tuple[tuple[Action, State] | None, ...], ...]


def ignore(_machine: object, _now: float, _data: bytes) -> bool:
    """The action of an ignored pair."""
    return False


def compile_rows(
    table: Mapping[State, Mapping[Input, tuple[Action, State]]],
    ignored: Mapping[State, Set[Input]],
    *,
    inputs: type[Input],
    nothing: Action,
) -> Rows[Action, State]:
    """`rows[state][input]` is (action, next state), or None for a pair that must not happen. Both
    enums count from 0.
    """
    return tuple(
        tuple(
            (nothing, state) if each in ignored.get(state, ()) else table.get(state, {}).get(each)
            for each in inputs
        )
        for state in type(next(iter(ignored)))
    )


def unexpected(state: IntEnum, symbol: IntEnum) -> UsageError:
    """The error for a pair that must not happen."""
    machine = type(symbol).__module__.rpartition(".")[2]
    return UsageError(f"{machine}: {symbol.name} must not happen in state {state.name}")
