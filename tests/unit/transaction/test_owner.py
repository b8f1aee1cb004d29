"""What all transactions share: the contract with their owner, and who they call after the end."""

from __future__ import annotations

import gc
import weakref

import pytest

from offhook.transaction.client_invite import ClientInvite
from offhook.transaction.client_non_invite import ClientNonInvite
from offhook.transaction.owner import NOBODY, ClientTransaction, ServerTransaction
from offhook.transaction.server_invite import ServerInvite
from offhook.transaction.server_non_invite import ServerNonInvite
from tests.unit.transaction.wire import UDP, Wire


def test_nobody_takes_everything_and_does_nothing() -> None:
    wire = Wire()
    machine = ServerInvite("key", UDP, wire.timers, wire, 0.0)
    NOBODY.transmit(UDP, b"data")
    NOBODY.trying(machine, 0.0)
    NOBODY.timed_out(machine, 0.0)
    NOBODY.ended(machine)
    assert wire.sent == []


def test_the_sides_do_nothing_themselves() -> None:
    server, client = ServerTransaction(), ClientTransaction()
    for call in (
        lambda: server.retransmission(0.0),
        lambda: server.respond(200, b"", 0.0),
        lambda: server.send_failed(0.0),
        lambda: server.answered,
        lambda: client.start(0.0),
        lambda: client.response(200, 0.0),
        lambda: client.send_failed(0.0),
        lambda: client.abandon(0.0),
        lambda: client.answered,
    ):
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.parametrize("make", [ServerInvite, ServerNonInvite])
def test_a_server_has_the_fields_that_its_owner_reads(
    make: type[ServerInvite] | type[ServerNonInvite],
) -> None:
    wire = Wire()
    machine = make("key", UDP, wire.timers, wire, 7.0)
    assert (machine.key, machine.flow, machine.since) == ("key", UDP, 7.0)
    assert (machine.last, machine.user, machine.answered) == (b"", None, False)


@pytest.mark.parametrize("make", [ClientInvite, ClientNonInvite])
def test_a_client_has_the_fields_that_its_owner_reads(
    make: type[ClientInvite] | type[ClientNonInvite],
) -> None:
    wire = Wire()
    machine = make("branch", UDP, b"INVITE sip:a", wire.timers, wire, 7.0)
    assert (machine.branch, machine.flow, machine.since) == ("branch", UDP, 7.0)
    assert (machine.method, machine.data) == ("INVITE", b"INVITE sip:a")
    assert (machine.user, machine.answered) == (None, False)


class Context:
    """What an owner hangs on a transaction; it points back."""

    def __init__(self, transaction: ServerInvite) -> None:
        self.transaction = transaction


def test_an_ended_transaction_keeps_nothing_alive_without_the_collector() -> None:
    wire = Wire()
    machine = ServerInvite("key", UDP, wire.timers, wire, 0.0)
    context = Context(machine)
    machine.user = context
    seen = weakref.ref(context)
    machine.respond(486, b"486", 0.0)
    machine.ack(0.0)
    wire.run(6)
    assert len(wire.timers) > 0, "timer H still holds the machine"
    gc.disable()
    try:
        del context, machine
        assert seen() is None
    finally:
        gc.enable()
