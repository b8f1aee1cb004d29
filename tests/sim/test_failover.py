"""Several addresses for one target: a silent or closed one leads to the next (RFC 3263 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import OutgoingCall, Script, ScriptedPhone, Step, World, run
from tests.sim.stage import HANGS, OPEN

GOOD, OTHER, NOBODY = "198.51.100.50", "198.51.100.51", "198.51.100.52"
QUICK = Script((Step(0.0, 200),))


class Result:
    """What a caller of `sip:desk@desk.test` gets, and when."""

    def __init__(self) -> None:
        self.call: OutgoingCall
        self.answered = 0.0
        self.rung: list[str] = []


def call_desk(
    addresses: Sequence[str],
    hosts: dict[str, Script],
    *,
    transport: str = "UDP",
    closed: Sequence[str] = (),
) -> Result:
    """Call a name with these addresses; `closed` hosts are there but listen elsewhere."""
    exchange = Exchange()
    result = Result()
    suffix = "" if transport == "UDP" else f";transport={transport.lower()}"

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(f"sip:desk@desk.test{suffix}")

    async def story(world: World) -> None:
        world.wire.names["desk.test"] = addresses
        phones: dict[str, ScriptedPhone] = {}
        for host, script in hosts.items():
            port = 7000 if host in closed else 5060
            phones[host] = await world.phone(
                "desk", address=(host, port), script=script, transport=transport
            )
        alice = await world.phone("alice", address=("198.51.100.1", 5060))
        call = result.call = alice.dial("somebody@example.com")
        await call.final()
        result.answered = world.now
        result.rung = [host for host, phone in phones.items() if phone.incoming]
        if call.status == 200:
            await call.hang_up()

    run(story, exchange, delay=(0.01, 0.01), settings=OPEN)
    return result


@pytest.mark.rfc("3263", "4.3")
def test_a_silent_address_costs_four_seconds() -> None:
    result = call_desk([NOBODY, GOOD], {GOOD: QUICK})
    assert result.call.status == 200
    assert 4.0 < result.answered < 4.2
    assert result.rung == [GOOD]


def test_a_hanging_phone_costs_four_seconds() -> None:
    result = call_desk([OTHER, GOOD], {OTHER: HANGS, GOOD: QUICK})
    assert result.call.status == 200
    assert 4.0 < result.answered < 4.2


def test_a_closed_port_costs_nothing() -> None:
    result = call_desk([OTHER, GOOD], {OTHER: QUICK, GOOD: QUICK}, closed=[OTHER])
    assert result.call.status == 200
    assert result.answered < 0.2
    assert result.rung == [GOOD]


def test_a_refused_connection_costs_nothing() -> None:
    result = call_desk([OTHER, GOOD], {OTHER: QUICK, GOOD: QUICK}, closed=[OTHER], transport="TCP")
    assert result.call.status == 200
    assert result.answered < 0.2
    assert result.rung == [GOOD]


def test_a_silent_host_over_tcp_costs_the_connect_deadline() -> None:
    result = call_desk([NOBODY, GOOD], {GOOD: QUICK}, transport="TCP")
    assert result.call.status == 200
    assert 4.0 < result.answered < 4.2


def test_the_last_address_gets_all_the_time_there_is() -> None:
    late = Script((Step(6.0, 200),), trying=False)
    result = call_desk([NOBODY, GOOD], {GOOD: late})
    assert result.call.status == 200
    assert 10.0 < result.answered < 10.3


def test_nobody_at_all_is_408_after_timer_b() -> None:
    result = call_desk([NOBODY], {})
    assert result.call.status == 408
    assert 32.0 < result.answered < 32.3


@pytest.mark.rfc("3261", "16.7")
def test_every_port_closed_is_500_at_once() -> None:
    result = call_desk([OTHER], {OTHER: QUICK}, closed=[OTHER])
    assert result.call.status == 500  # a 503 would say that we are overloaded
    assert result.answered < 0.2


def test_an_unknown_name_is_500_at_once() -> None:
    result = call_desk([], {})
    assert result.call.status == 500
    assert result.answered < 0.2


def test_a_late_2xx_of_an_address_given_up_is_taken() -> None:
    late = Script((Step(4.5, 200),), trying=False)
    slow = Script((Step(0.1, 180), Step(3.0, 200)))
    result = call_desk([OTHER, GOOD], {OTHER: late, GOOD: slow})
    assert result.call.status == 200
    assert 4.5 < result.answered < 4.7
