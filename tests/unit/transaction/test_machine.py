"""Every pair of every machine is in its table, is ignored on purpose, or raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from enum import IntEnum
from typing import NamedTuple

import pytest

from offhook.errors import UsageError
from offhook.transaction import (
    ClientInvite,
    ClientNonInvite,
    ServerInvite,
    ServerNonInvite,
    Transaction,
    client_invite,
    client_non_invite,
    server_invite,
    server_non_invite,
)
from offhook.transaction.machine import compile_rows, ignore, unexpected
from tests.unit.transaction.wire import UDP, Wire


class Machine(NamedTuple):
    name: str
    make: Callable[[Wire], Transaction]
    states: type[IntEnum]
    inputs: type[IntEnum]
    table: Mapping[IntEnum, Mapping[IntEnum, tuple[object, IntEnum]]]
    ignored: Mapping[IntEnum, Set[IntEnum]]


def client_of_invite(wire: Wire) -> Transaction:
    machine = ClientInvite("z9hG4bK1", UDP, b"INVITE", wire.timers, wire, 0.0)
    machine.ack = b"ACK"
    machine.interval = 0.5
    return machine


def client_of_other(wire: Wire) -> Transaction:
    machine = ClientNonInvite("z9hG4bK1", UDP, b"OPTIONS sip:a", wire.timers, wire, 0.0)
    machine.interval = 0.5
    return machine


def server_of_invite(wire: Wire) -> Transaction:
    machine = ServerInvite("key", UDP, wire.timers, wire, 0.0)
    machine.interval = 0.5
    return machine


def server_of_other(wire: Wire) -> Transaction:
    return ServerNonInvite("key", UDP, wire.timers, wire, 0.0)


def _as_machine(name: str, make: Callable[[Wire], Transaction], module: object) -> Machine:
    parts = (getattr(module, each) for each in ("State", "Input", "TABLE", "IGNORED"))
    return Machine(name, make, *parts)


MACHINES = [
    _as_machine("client invite", client_of_invite, client_invite),
    _as_machine("client non-invite", client_of_other, client_non_invite),
    _as_machine("server invite", server_of_invite, server_invite),
    _as_machine("server non-invite", server_of_other, server_non_invite),
]


def pairs() -> Iterator[object]:
    for machine in MACHINES:
        for state in machine.states:
            for symbol in machine.inputs:
                yield pytest.param(
                    machine, state, symbol, id=f"{machine.name}: {state.name} {symbol.name}"
                )


@pytest.mark.parametrize(("machine", "state", "symbol"), list(pairs()))
def test_every_pair(machine: Machine, state: IntEnum, symbol: IntEnum) -> None:
    wire = Wire()
    transaction = machine.make(wire)
    transaction.state = state
    entry = machine.table.get(state, {}).get(symbol)
    ignored = symbol in machine.ignored.get(state, ())
    assert not (entry and ignored), "both in the table and ignored"
    if entry is not None:
        transaction.step(symbol, 0.0, b"data")
        assert transaction.state is entry[1]
    elif ignored:
        assert transaction.step(symbol, 0.0, b"data") is False
        assert transaction.state is state
        assert wire.sent == []
    else:
        with pytest.raises(
            UsageError, match=f"{symbol.name} must not happen in state {state.name}"
        ):
            transaction.step(symbol, 0.0, b"data")
        assert transaction.state is state


# What the network or the transaction user may do at any time: it must never raise.
OUTSIDE = {"ACK", "INVITE", "REQUEST", "PROVISIONAL", "SUCCESS", "FAILURE", "FINAL", "FORBIDDEN"}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_no_pair_of_the_network_raises(machine: Machine) -> None:
    for state in machine.states:
        for symbol in machine.inputs:
            if symbol.name in OUTSIDE or symbol.name in ("SEND_FAILED", "ABANDON"):
                entry = machine.table.get(state, {}).get(symbol)
                assert entry or symbol in machine.ignored[state], (state, symbol)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_enums_count_from_zero(machine: Machine) -> None:
    assert [*machine.states] == list(range(len(machine.states)))
    assert [*machine.inputs] == list(range(len(machine.inputs)))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_can_end(machine: Machine) -> None:
    for state in machine.states:
        seen = {state}
        while True:
            more = {after for each in seen for _, after in machine.table.get(each, {}).values()}
            if more <= seen:
                break
            seen |= more
        assert machine.states["TERMINATED"] in seen


class Light(IntEnum):
    OFF = 0
    ON = 1


class Press(IntEnum):
    UP = 0
    DOWN = 1


def test_rows_hold_the_table_the_ignored_and_the_holes() -> None:
    rows = compile_rows(
        {Light.OFF: {Press.UP: (print, Light.ON)}},
        {Light.OFF: frozenset[Press](), Light.ON: frozenset({Press.UP})},
        inputs=Press,
        nothing=ignore,
    )
    assert rows == (((print, Light.ON), None), ((ignore, Light.ON), None))


def test_the_error_names_the_pair() -> None:
    assert "DOWN must not happen in state ON" in str(unexpected(Light.ON, Press.DOWN))
