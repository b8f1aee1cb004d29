"""One request of our own between its ways and its answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.engine.outgoing import Outgoing
from offhook.message import Message, make_request, parse
from offhook.proxy.branch import GIVE_UP
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Flow
from offhook.transport.hops import Hops
from offhook.transport.next_hop import NextHop
from offhook.transport.standing import Standing
from tests.unit.engine.rig import CALLEE, TARGET, datagram

HOP = NextHop("UDP", "desk.test", 5060, literal=False, server_name="desk.test")


class Owner:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.standing = Standing()

    def send_outgoing(self, outgoing: Outgoing, flow: Flow, now: float) -> None:
        self.log.append(flow)

    def reach_outgoing(self, outgoing: Outgoing, hop: NextHop, now: float) -> None:
        self.log.append(hop.host)

    def abandon_outgoing(self, outgoing: Outgoing, now: float) -> None:
        self.log.append("abandon")

    def start_timer(self, outgoing: Outgoing, delay: float, now: float) -> None:
        self.log.append(delay)

    def answered(self, outgoing: Outgoing, response: Message | None, now: float) -> None:
        self.log.append(outgoing.status)


def outgoing(owner: Owner) -> Outgoing:
    """A request to desk.test."""
    message = make_request(
        "OPTIONS", TARGET, via=(), from_="<sip:a@b>;tag=t", to="<sip:b@c>", call_id="c", cseq=1
    )
    made = Outgoing(owner, message, "p", None)
    made.hops = Hops(HOP, owner.standing.avoided)
    made.try_next(503, 0.0)
    assert owner.log.pop() == "desk.test"
    return made


def addresses(count: int) -> list[NextHop]:
    """What desk.test leads to."""
    return [replace(HOP, host=f"192.0.2.{each + 1}", literal=True) for each in range(count)]


def answer(status: int, *headers: tuple[str, str]) -> Message:
    """A response."""
    return parse(build_response(build_request("OPTIONS", TARGET), status, headers=headers))


def test_addresses_are_tried_one_after_the_other() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.resolved(addresses(2), 0.0)
    made.way_failed(503, 0.0)
    made.way_failed(480, 0.0)
    assert owner.log == ["192.0.2.1", "192.0.2.2", 480]


@pytest.mark.rfc("3263", "4.3")
def test_a_silent_hop_is_given_up_while_there_is_another() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.resolved(addresses(2), 0.0)
    made.flow_ready(datagram(CALLEE), 0.0)
    made.fire(0, GIVE_UP - 1)  # of an earlier try
    made.fire(0, GIVE_UP)
    made.flow_ready(datagram(CALLEE), GIVE_UP)  # the last one has all the time
    made.timed_out(40.0)
    flow = datagram(CALLEE)
    assert owner.log == ["192.0.2.1", GIVE_UP, flow, "abandon", "192.0.2.2", flow, 408]
    assert len(list(owner.standing.troubles())) == 2


@pytest.mark.rfc("3263", "4.3")
def test_an_overloaded_hop_leads_to_the_next() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.resolved(addresses(2), 0.0)
    made.response(answer(503, ("Retry-After", "120")), 1.0)
    assert owner.log == ["192.0.2.1", "192.0.2.2"]
    assert owner.standing.avoided(addresses(1)[0], 120.0)
    made.response(answer(503), 2.0)
    assert owner.log[2:] == [503]


def test_a_response_heals() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.resolved(addresses(1), 0.0)
    owner.standing.failed(addresses(1)[0], 0.0)
    made.response(answer(404), 1.0)
    assert owner.log == ["192.0.2.1", 404]
    assert not list(owner.standing.troubles())


def test_a_way_is_kept_and_used() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.flow_ready(datagram(CALLEE), 0.0)
    assert owner.log == [datagram(CALLEE)]
    assert made.flow is datagram(CALLEE)


def test_after_a_response_no_other_way_is_tried() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.response(parse(build_response(build_request("OPTIONS", TARGET), 100)), 0.0)
    made.way_failed(503, 0.0)
    assert owner.log == [100]
