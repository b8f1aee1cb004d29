"""What an exchange counts of REGISTERs and of programs that fail."""

from __future__ import annotations

import pytest
import structlog

from offhook.errors import StorageError
from offhook.exchange import Decision, Exchange, Reply, Request
from offhook.exchange.counters import Counters
from tests.unit.exchange.bench import Bench

REGISTER = ("REGISTER", "sip:example.com")


@pytest.mark.parametrize(
    ("status", "accepted", "rejected"),
    [(200, 1, 0), (401, 0, 0), (407, 0, 0), (403, 0, 1), (423, 0, 1), (503, 0, 1)],
)
def test_challenges_are_no_rejections(status: int, accepted: int, rejected: int) -> None:
    counters = Counters()
    counters.registered(status)
    assert (counters.registers_accepted, counters.registers_rejected) == (accepted, rejected)


def test_registrations_of_the_built_in_program() -> None:
    with Bench() as bench:
        bench.ask_as("alice", *REGISTER)
        bench.ask_as("alice", *REGISTER, headers=[("Expires", "5")])
        counters = bench.serving.counters
        assert (counters.registers_accepted, counters.registers_rejected) == (1, 1)


def test_registrations_of_a_program() -> None:
    exchange = Exchange()
    answers = [Reply(200), Reply(403)]
    exchange.request("REGISTER")(lambda _request: answers.pop())
    with Bench(exchange) as bench:
        bench.ask_as("alice", *REGISTER)
        bench.ask_as("alice", *REGISTER)
        counters = bench.serving.counters
        assert (counters.registers_accepted, counters.registers_rejected) == (1, 1)


@pytest.mark.parametrize(
    ("error", "programs", "storage"),
    [(ZeroDivisionError(), 1, 0), (StorageError("full"), 0, 1)],
)
def test_failures(error: Exception, programs: int, storage: int) -> None:
    exchange = Exchange()

    @exchange.request("MESSAGE")
    def fail(_request: Request) -> Decision:
        raise error

    with Bench(exchange) as bench, structlog.testing.capture_logs():
        bench.ask_as("alice", "MESSAGE", "sip:bob@example.com")
        counters = bench.serving.counters
        assert (counters.handlers_failed, counters.storage_failed) == (programs, storage)
