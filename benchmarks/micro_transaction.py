"""What transactions cost: making one with its timers, finding it, answering, and its end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.timing import Timing, best_of, show
from offhook.message import Message, parse
from offhook.transaction import (
    ClientInvite,
    ClientTransaction,
    ServerInvite,
    ServerNonInvite,
    ServerTransaction,
    Timers,
    Transaction,
    Transactions,
    server_key,
)
from offhook.transport import Flow, Listener

__all__ = ["main"]

COUNT = 4000
BUDGET = 2.0  # µs for a match, or for a creation with timers
OK = b"SIP/2.0 200 OK\r\n\r\n"


class _Owner:
    """Sends nowhere, and forgets what has ended."""

    def __init__(self) -> None:
        self.table = Transactions()
        self.timers = Timers()
        self.sent = 0

    def transmit(self, flow: Flow, data: bytes) -> None:
        self.sent += 1

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(100, OK, now)

    def timed_out(self, transaction: Transaction, now: float) -> None:
        pass

    def ended(self, transaction: Transaction) -> None:
        self.table.forget(transaction)


FLOW = Flow(Listener("bench", "UDP", "127.0.0.1", 5060), ("127.0.0.1", 5060), ("127.0.0.1", 5070))


def _messages(method: str) -> list[Message]:
    found = []
    for number in range(COUNT):
        text = (
            f"{method} sip:u{number}@bench.example SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bK{number}x\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:a@bench.example>;tag=f{number}\r\n"
            f"To: <sip:u{number}@bench.example>\r\nCall-ID: {number}@127.0.0.1\r\n"
            f"CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
        message = parse(text.encode())
        message.core()
        found.append(message)
    return found


INVITES, REGISTERS = _messages("INVITE"), _messages("REGISTER")
Machine = Callable[[str, Flow, Timers, _Owner, float], ServerTransaction]
Preparation = Callable[[list[Message], Machine], Callable[[], object]]


def _create(messages: list[Message], machine: Machine, owner: _Owner) -> list[ServerTransaction]:
    made = []
    for message in messages:
        key = server_key(message.core(), message)
        transaction = machine(key, FLOW, owner.timers, owner, 0.0)
        owner.table.add_server(transaction)
        made.append(transaction)
    return made


def _creation(messages: list[Message], machine: Machine) -> Callable[[], object]:
    owner = _Owner()
    return lambda: _create(messages, machine, owner)


def _match(messages: list[Message], machine: Machine) -> Callable[[], object]:
    owner = _Owner()
    _create(messages, machine, owner)
    servers = owner.table.servers

    def work() -> None:
        for message in messages:
            servers.get(server_key(message.core(), message))

    return work


def _answer(messages: list[Message], machine: Machine) -> Callable[[], object]:
    made = _create(messages, machine, _Owner())

    def work() -> None:
        for transaction in made:
            transaction.respond(200, OK, 0.1)

    return work


def _end(messages: list[Message], machine: Machine) -> Callable[[], object]:
    owner = _Owner()
    for transaction in _create(messages, machine, owner):
        transaction.respond(200, OK, 0.1)

    def work() -> None:
        for step in range(400):
            owner.timers.advance(step * 0.1)

    return work


def _clients(owner: _Owner) -> list[ClientTransaction]:
    made: list[ClientTransaction] = []
    for number in range(COUNT):
        client = ClientInvite(f"z9hG4bK{number}c", FLOW, OK, owner.timers, owner, 0.0)
        owner.table.add_client(client)
        client.start(0.0)
        made.append(client)
    return made


def _client_creation() -> Callable[[], object]:
    owner = _Owner()
    return lambda: _clients(owner)


def _client_responses() -> Callable[[], object]:
    made = _clients(_Owner())

    def work() -> None:
        for client in made:
            client.response(180, 0.1)
            client.response(200, 0.2)

    return work


def main() -> None:
    """Print the table."""
    timings = []
    machines: list[tuple[str, list[Message], Machine]] = [
        ("INVITE server", INVITES, ServerInvite),
        ("REGISTER server", REGISTERS, ServerNonInvite),
    ]
    for name, messages, machine in machines:
        steps: list[tuple[str, Preparation, float | None]] = [
            ("creation with timers", _creation, BUDGET),
            ("match", _match, BUDGET),
            ("200", _answer, None),
            ("end", _end, None),
        ]
        timings += [
            Timing(f"{name}: {step}", best_of(partial(prepare, messages, machine), COUNT), budget)
            for step, prepare, budget in steps
        ]
    timings.append(
        Timing("INVITE client: creation and send", best_of(_client_creation, COUNT), BUDGET)
    )
    timings.append(Timing("INVITE client: 180 and 200", best_of(_client_responses, COUNT)))
    show("transactions", timings)


if __name__ == "__main__":
    main()
