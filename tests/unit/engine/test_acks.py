"""The ACK of a 2xx goes on without a transaction (RFC 3261 16.11, 17.1.1.3)."""

from __future__ import annotations

import pytest

from offhook.message import Message
from offhook.proxy.target import Target
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Flow
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, TLS, Rig, datagram

INVITE = build_request("INVITE", "sip:bob@example.com", source=CALLER)


def answered(rig: Rig, target: Target, flow: Flow | None = None) -> Message:
    """A call that was answered: the 200 as the caller got it."""
    rig.fork(rig.request(INVITE), target)
    invite = rig.to(CALLEE)[-1].to_bytes()
    rig.receive(build_response(invite, 200, to_tag="callee"), flow or datagram(CALLEE))
    rig.events.clear()
    return [message for to, message in rig.sent if to == CALLER][-1]


def ack(response: Message, uri: str = TARGET, hops: int = 70) -> bytes:
    """Its ACK."""
    return build_request(
        "ACK",
        uri,
        source=CALLER,
        branch="z9hG4bKack",
        callee=response.get("to") or "",
        headers=[("Route", route) for route in response.get_all("record-route")],
    ).replace(b"Max-Forwards: 70", f"Max-Forwards: {hops}".encode())


def test_the_route_of_ours_is_taken_off_and_a_via_put_on() -> None:
    rig = Rig()
    response = answered(rig, Target(TARGET))
    rig.receive(ack(response))
    sent = rig.to(CALLEE)[-1]
    assert (sent.method, sent.get("route")) == ("ACK", None)
    assert len(sent.get_all("via")) == 2
    assert sent.get("max-forwards") == "69"
    assert rig.events == []


@pytest.mark.rfc("3261", "16.11")
def test_copies_get_the_same_branch_and_nothing_is_kept() -> None:
    rig = Rig()
    response = answered(rig, Target(TARGET))
    pending = rig.engine.pending
    for _ in range(2):
        rig.receive(ack(response))
    one, other = rig.to(CALLEE)[-2:]
    assert one.to_bytes() == other.to_bytes()
    assert rig.engine.pending == pending


def test_it_takes_the_connection_of_the_phone() -> None:
    rig = Rig()
    flow = rig.accept(TLS, CALLEE)
    response = answered(rig, Target(TARGET, flow=flow.name, by_flow=True), flow)
    rig.raw.clear()
    rig.receive(ack(response, uri="sip:bob@10.9.9.9"))
    assert [used for used, _ in rig.raw] == [flow]
    rig.lose(flow)
    rig.raw.clear()
    rig.receive(ack(response, uri="sip:bob@10.9.9.9"))
    assert rig.raw == []


def test_names_are_looked_up_and_dead_addresses_passed_over() -> None:
    rig = Rig()
    rig.names = {"desk.test": ["198.51.100.9", "198.51.100.3"]}
    rig.dead = {"198.51.100.9"}
    response = answered(rig, Target(TARGET))
    rig.receive(ack(response, uri="sip:bob@desk.test"))
    assert rig.to(("198.51.100.3", 5060))[-1].method == "ACK"


@pytest.mark.parametrize("uri", ["tel:+331", "sip:bob@198.51.100.2;transport=ws"])
def test_a_uri_that_leads_nowhere_is_dropped(uri: str) -> None:
    rig = Rig()
    response = answered(rig, Target(TARGET))
    count = len(rig.sent)
    rig.receive(ack(response, uri=uri))
    assert len(rig.sent) == count


def test_no_hops_left_is_dropped() -> None:
    rig = Rig()
    response = answered(rig, Target(TARGET))
    count = len(rig.sent)
    rig.receive(ack(response, hops=0))
    assert len(rig.sent) == count
    assert rig.engine.counters.stray_acks == 1
