"""One request of our own between its ways and its answer."""

from __future__ import annotations

from offhook.engine.outgoing import Outgoing
from offhook.message import Message, make_request, parse
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop
from tests.unit.engine.rig import CALLEE, TARGET, datagram

HOP = NextHop("UDP", "desk.test", 5060, literal=False, server_name="desk.test")


class Owner:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def send_outgoing(self, outgoing: Outgoing, flow: Flow, now: float) -> None:
        self.log.append(flow)

    def reach_outgoing(self, outgoing: Outgoing, hop: NextHop, now: float) -> None:
        self.log.append(hop.host)

    def answered(self, outgoing: Outgoing, response: Message | None, now: float) -> None:
        self.log.append(outgoing.status)


def outgoing(owner: Owner) -> Outgoing:
    """A request to desk.test."""
    message = make_request(
        "OPTIONS", TARGET, via=(), from_="<sip:a@b>;tag=t", to="<sip:b@c>", call_id="c", cseq=1
    )
    made = Outgoing(owner, message, "p", None)
    made.hops = [HOP]
    return made


def test_addresses_are_tried_one_after_the_other() -> None:
    owner = Owner()
    made = outgoing(owner)
    made.resolved(["192.0.2.1", "192.0.2.2"], 0.0)
    made.way_failed(503, 0.0)
    made.way_failed(480, 0.0)
    assert owner.log == ["192.0.2.1", "192.0.2.2", 480]


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
