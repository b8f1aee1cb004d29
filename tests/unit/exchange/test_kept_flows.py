"""Which phones are told a Flow-Timer, as they see it (RFC 5626 5.4)."""

from __future__ import annotations

import pytest

from offhook.message import Message
from offhook.transport.flow import Flow
from tests.unit.exchange.bench import ALICE, Bench, Setting

OPEN = Setting(authenticate=False)
FLOW = '<sip:alice@198.51.100.1:5060>;reg-id=1;+sip.instance="<urn:uuid:one>"'
OUTBOUND = ("Supported", "outbound, path")


def register(
    bench: Bench, source: Flow, *headers: tuple[str, str], contact: str = FLOW, expires: int = 600
) -> Message:
    """The 200 of alice's REGISTER by this flow."""
    data = bench.request(
        "REGISTER",
        "sip:example.com",
        source=ALICE,
        transport=source.transport,
        call_id="alice",
        cseq=bench.engine.counters.requests + 1,
        without=["contact"],
        headers=[("m", contact), ("Expires", str(expires)), *headers],
    )
    (answer,) = bench.receive(data, source)
    assert answer.status == 200
    return answer


def accept(bench: Bench) -> Flow:
    """alice connects."""

    async def connect() -> Flow:
        return bench.network.accept(ALICE, "internal")

    return bench.run(connect())


@pytest.mark.rfc("5626", "5.4")
def test_a_phone_that_uses_outbound_is_told_and_timed() -> None:
    with Bench(setting=OPEN) as bench:
        flow = accept(bench)
        assert register(bench, flow, OUTBOUND).get("flow-timer") == "120"
        bench.advance(120 + 31)
        assert len(bench.bindings) == 1
        bench.receive(b"\r\n", flow)
        bench.advance(120 + 31)
        assert len(bench.bindings) == 1
        bench.advance(20)
        assert bench.network.closed == [flow]


def test_over_udp_the_time_is_that_of_nats_and_the_binding_goes() -> None:
    with Bench(setting=OPEN) as bench:
        flow = bench.network.datagram(ALICE, "internal")
        assert register(bench, flow, OUTBOUND).get("flow-timer") == "30"
        bench.advance(30 + 31)
        assert len(bench.bindings) == 1
        bench.advance(20)
        assert bench.lost == [flow.name]


@pytest.mark.parametrize(
    ("headers", "contact", "expires"),
    [
        ([], FLOW, 600),  # it has not promised anything
        ([OUTBOUND], "<sip:alice@198.51.100.1:5060>", 600),
        ([OUTBOUND], FLOW, 0),
        (  # the flow is its edge's
            [OUTBOUND, ("Path", "<sip:192.0.2.9;lr;ob>"), ("v", "SIP/2.0/UDP h;branch=z9hG4bK9")],
            FLOW,
            600,
        ),
    ],
)
def test_others_are_not(headers: list[tuple[str, str]], contact: str, expires: int) -> None:
    with Bench(setting=OPEN) as bench:
        flow = accept(bench)
        answer = register(bench, flow, *headers, contact=contact, expires=expires)
        assert answer.get("flow-timer") is None
        bench.advance(1000)
        assert bench.network.closed == []


def test_a_phone_that_gives_outbound_up_is_not_timed_any_more() -> None:
    with Bench(setting=OPEN) as bench:
        flow = accept(bench)
        register(bench, flow, OUTBOUND)
        register(bench, flow, contact="<sip:alice@198.51.100.1:5060>")
        bench.advance(1000)
        assert bench.network.closed == []
