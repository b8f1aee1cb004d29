"""An Exchange: what it declares, and when it has what a server gives."""

from __future__ import annotations

import pytest

from offhook import NotServing
from offhook.errors import UsageError
from offhook.exchange import Decision, Exchange, Gateway, Reply, Request
from tests.unit.exchange.bench import Bench, Setting

CARRIER = Gateway("carrier", "sip:203.0.113.9", "external")


def test_decorators_give_the_function_back() -> None:
    """So that it can be called and tested as it is."""
    exchange = Exchange()

    def handler(_request: Request) -> Decision:
        return Reply(486)

    def hook() -> None:
        """Nothing."""

    assert exchange.request("INVITE")(handler) is handler
    assert exchange.startup(hook) is exchange.shutdown(hook) is exchange.every(60)(hook) is hook
    declared = exchange.handlers
    assert declared.of("INVITE") is handler
    assert declared.startup == declared.shutdown == [hook]
    assert [(each.seconds, each.hook) for each in declared.periodic] == [(60, hook)]


def test_stores_before_a_server_runs() -> None:
    with pytest.raises(NotServing, match="no server runs yet"):
        print(Exchange().gateways)


def test_stores_while_a_server_runs() -> None:
    exchange = Exchange()
    with Bench(exchange, Setting(gateways=(CARRIER,))):
        assert exchange.gateways["carrier"] is CARRIER
    with pytest.raises(NotServing):
        print(exchange.gateways)


def test_one_server_at_a_time() -> None:
    exchange = Exchange()
    with Bench(exchange) as bench:
        with pytest.raises(UsageError, match="bound to a running server"):
            exchange.bind(bench.serving)
        assert exchange.gateways == {}
    with Bench(exchange):
        assert exchange.gateways == {}
