"""What a program may declare."""

from __future__ import annotations

import pytest

from offhook.errors import UsageError
from offhook.exchange import Decision, Reply, Request
from offhook.exchange.handlers import Handlers, Periodic


def one(_request: Request) -> Decision:
    return Reply(486)


async def other(_request: Request) -> Decision:
    return Reply(603)


def test_the_handler_of_a_method() -> None:
    handlers = Handlers()
    handlers.add(("INVITE", "MESSAGE"), one)
    assert handlers.of("INVITE") is handlers.of("MESSAGE") is one
    assert handlers.of("OPTIONS") is None
    assert handlers.of("invite") is None  # methods are case-sensitive
    handlers.add((), other)
    assert handlers.of("INVITE") is one
    assert handlers.of("OPTIONS") is other


@pytest.mark.parametrize("method", ["invite", "Invite", "IÑVITE"])
def test_methods_are_in_capitals(method: str) -> None:
    with pytest.raises(UsageError, match="capitals"):
        Handlers().add((method,), one)


@pytest.mark.parametrize("methods", [("INVITE",), ()])
def test_two_handlers_of_one_method(methods: tuple[str, ...]) -> None:
    handlers = Handlers()
    handlers.add(methods, one)
    with pytest.raises(UsageError, match="declared twice"):
        handlers.add(methods, one)


@pytest.mark.parametrize("seconds", [0, -1, 0.0])
def test_a_period_is_longer_than_nothing(seconds: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        Periodic(seconds, lambda: None)
