"""The lower half of a phone: transactions over virtual flows."""

from __future__ import annotations

import asyncio

import pytest

from offhook.message import Message, make_request
from offhook.testing.agent import Agent, Arrival
from offhook.testing.builders import build_request, build_response
from offhook.testing.loop import run_virtual
from offhook.testing.network import VirtualNetwork
from offhook.testing.peer import Peer
from offhook.testing.wire import Link, Wire
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop
from tests.unit.engine.rig import cancel_of

HERE, THERE = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


class User:
    """Answers 200 to everything but INVITE, and keeps what it is told."""

    def __init__(self, wire: Wire) -> None:
        self.told: list[str] = []
        self.arrivals: list[Arrival] = []
        self.agent = Agent(VirtualNetwork(wire, HERE[0]), self)

    def request_arrived(self, arrival: Arrival) -> None:
        self.told.append(arrival.message.method)
        self.arrivals.append(arrival)
        if arrival.message.method != "INVITE":
            self.agent.respond(arrival, 200, to_tag="t")

    def cancel_arrived(self, arrival: Arrival) -> None:
        self.told.append("cancelled")
        self.agent.respond(arrival, 487, to_tag="t")

    def ack_arrived(self, message: Message) -> None:
        self.told.append("ack")

    def flow_gone(self, flow: Flow) -> None:
        self.told.append("gone")


async def stage(transport: str = "UDP", loss: float = 0.0) -> tuple[Wire, User, Peer]:
    """A phone's lower half and a peer."""
    wire = Wire(link=Link(loss=loss, delay=(0.01, 0.01)))
    user = User(wire)
    await user.agent.listen(transport, HERE)
    return wire, user, await Peer.at(wire, THERE[0], transport=transport)


def ask(agent: Agent, transport: str = "UDP") -> list[int]:
    """Send OPTIONS; a list that fills with statuses, 0 for none."""
    found: list[int] = []
    message = make_request(
        "OPTIONS", "sip:b@c", via=(), from_="<sip:a@b>;tag=t", to="<sip:b@c>", call_id="c", cseq=1
    )

    def answered(response: Message | None) -> None:
        found.append(response.status if response is not None else 0)

    def send(flow: Flow | None) -> None:
        if flow is None:
            found.append(-1)
        else:
            agent.send_request(message, flow, answered)

    agent.with_flow(NextHop(transport, *THERE, literal=True, server_name=""), send)
    return found


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_request_and_its_answers(transport: str) -> None:
    async def main() -> None:
        _, user, peer = await stage(transport)
        found = ask(user.agent, transport)
        request = (await peer.next()).to_bytes()
        peer.reply(build_response(request, 180))
        peer.reply(build_response(request, 200))
        await asyncio.sleep(60)
        assert found == [180, 200]
        assert len(user.agent.timers) == 0
        assert user.agent.transactions.counts().clients == 0

    run_virtual(main())


def test_silence_is_told_after_timer_f() -> None:
    async def main() -> None:
        _, user, peer = await stage()
        found = ask(user.agent)
        await asyncio.sleep(33)
        assert found == [0]
        assert len(peer.received) > 5

    run_virtual(main())


def test_a_lost_connection_is_told_at_once() -> None:
    async def main() -> None:
        _, user, peer = await stage("TCP")
        found = ask(user.agent, "TCP")
        await peer.next()
        await peer.stop()
        await asyncio.sleep(1)
        assert found == [0]
        assert user.told == ["gone"]

    run_virtual(main())


def test_no_way_is_told() -> None:
    async def main() -> None:
        wire, user, _ = await stage("TCP")
        wire.silence(THERE[0])
        found, again = ask(user.agent, "TCP"), ask(user.agent, "TCP")
        await asyncio.sleep(10)
        assert found == again == [-1]

    run_virtual(main())


def test_requests_are_told_once_and_copies_answered() -> None:
    async def main() -> None:
        _, user, peer = await stage()
        data = build_request("MESSAGE", "sip:a@192.0.2.1", source=THERE)
        for _ in range(3):
            await peer.send(data, HERE)
        await peer.send(data.replace(b"z9hG4bKbuilt", b"z9hG4bKmerged"), HERE)
        await asyncio.sleep(1)
        assert user.told == ["MESSAGE"]
        assert [each.status for each in peer.received] == [200, 200, 200, 482]

    run_virtual(main())


def test_an_invite_is_cancelled_and_acknowledged() -> None:
    async def main() -> None:
        _, user, peer = await stage()
        data = build_request("INVITE", "sip:a@192.0.2.1", source=THERE)
        await peer.send(cancel_of(data), HERE)
        await peer.send(data, HERE)
        await asyncio.sleep(0.5)
        await peer.send(cancel_of(data), HERE)
        await asyncio.sleep(0.1)
        found = [(each.core().cseq_method, each.status) for each in peer.received]
        assert found == [("CANCEL", 481), ("INVITE", 100), ("CANCEL", 200), ("INVITE", 487)]
        assert user.told == ["INVITE", "cancelled"]

    run_virtual(main())


def test_a_phone_that_hangs_says_not_even_100() -> None:
    async def main() -> None:
        _, user, peer = await stage()
        user.agent.sends_trying = False
        await peer.send(build_request("INVITE", "sip:a@192.0.2.1", source=THERE), HERE)
        await asyncio.sleep(5)
        assert peer.received == []

    run_virtual(main())


def test_noise_is_dropped() -> None:
    async def main() -> None:
        _, user, peer = await stage()
        await peer.send(b"noise", HERE)
        await peer.send(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n", HERE)
        await asyncio.sleep(1)
        assert user.told == []

    run_virtual(main())
