"""A virtual host keeps the contract of `runtime.network`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from offhook.engine.actions import Open
from offhook.errors import StartError, UsageError
from offhook.testing.loop import run_virtual
from offhook.testing.network import CONNECT_DEADLINE, VirtualNetwork
from offhook.testing.wire import EPOCH, Link, Wire
from offhook.transport.flow import Flow, Listener
from offhook.transport.records import NOTHING, Answer, Kind, Naptr, Question, Srv

HERE, THERE = "192.0.2.1", "192.0.2.2"
PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}


class Sink:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.flushes = 0

    def receive(self, flow: Flow, data: bytes) -> None:
        self.told.append(("receive", flow, data))

    def flow_accepted(self, flow: Flow) -> None:
        self.told.append(("accepted", flow))

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        self.told.append(("opened", ticket, flow))

    def open_failed(self, ticket: int, reason: str) -> None:
        self.told.append(("failed", ticket, reason))

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.told.append(("lost", flow, reason))

    def send_failed(self, flow: Flow) -> None:
        self.told.append(("send failed", flow))

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        self.told.append(("resolved", ticket, *answers))

    def flush(self) -> None:
        self.flushes += 1

    def only(self, what: str) -> list[tuple[object, ...]]:
        """What was told of one kind."""
        return [line for line in self.told if line[0] == what]

    def flow(self) -> Flow:
        """The flow of the last opened or accepted one."""
        found = [line[-1] for line in self.told if line[0] in ("opened", "accepted")]
        assert isinstance(found[-1], Flow)
        return found[-1]


Story = Callable[[VirtualNetwork, Sink, VirtualNetwork, Sink], Awaitable[None]]


def play(story: Story, *, certificate: Sequence[str] = ()) -> None:
    """Two hosts with a listener of each transport; the first is a browser too."""

    async def main() -> None:
        wire = Wire(link=Link(delay=(0.01, 0.01)))
        sinks = Sink(), Sink()
        hosts = []
        for host, sink in zip((HERE, THERE), sinks, strict=True):
            network = VirtualNetwork(wire, host, certificate=certificate, browser=host == HERE)
            network.attach(sink)
            for transport, port in PORTS.items():
                await network.listen(Listener("p", transport, host, port))
            hosts.append(network)
        await story(hosts[0], sinks[0], hosts[1], sinks[1])

    run_virtual(main())


def test_datagrams_and_their_flows() -> None:
    async def story(here: VirtualNetwork, sink: Sink, there: VirtualNetwork, other: Sink) -> None:
        here.open(Open(1, "p", "UDP", (THERE, 5060)))
        flow = sink.flow()  # at once
        here.send(flow, b"hello")
        await asyncio.sleep(1)
        (_, arrived, data) = other.told[0]
        assert isinstance(arrived, Flow)
        assert (arrived.name, data) == ("udp/192.0.2.2:5060/192.0.2.1:5060", b"hello")
        there.send(arrived, b"back")
        await asyncio.sleep(1)
        assert sink.told[-1] == ("receive", flow, b"back")  # the same flow object
        assert sink.flushes > 0
        assert (here.now(), here.unix()) == (2.0, EPOCH + 2.0)

    play(story)


@pytest.mark.parametrize(("transport", "trips"), [("TCP", 2), ("TLS", 4), ("WS", 4), ("WSS", 6)])
def test_connections_open_both_ends_and_carry_octets(transport: str, trips: int) -> None:
    async def story(here: VirtualNetwork, sink: Sink, there: VirtualNetwork, other: Sink) -> None:
        port = PORTS[transport]
        here.open(Open(1, "p", transport, (THERE, port)))
        await asyncio.sleep(0.01 * trips - 0.001)
        assert sink.told == []
        await asyncio.sleep(0.002)
        flow, arrived = sink.flow(), other.flow()
        assert flow.connection == arrived.connection != ""
        assert flow.listener.port == port  # what Via shows
        here.send(flow, b"one")
        there.send(arrived, b"two")
        await asyncio.sleep(1)
        assert other.only("receive") == [("receive", arrived, b"one")]
        assert sink.only("receive") == [("receive", flow, b"two")]
        here.close(flow)
        await asyncio.sleep(1)
        assert sink.only("lost") == [("lost", flow, "closed")]
        assert other.only("lost") == [("lost", arrived, "closed by the peer")]
        assert here.connections() == there.connections() == []

    play(story)


def test_ways_that_cannot_be_had() -> None:
    async def story(here: VirtualNetwork, sink: Sink, _t: VirtualNetwork, _o: Sink) -> None:
        here.open(Open(1, "p", "TCP", (THERE, 7000)))
        here.open(Open(2, "p", "TCP", ("192.0.2.9", 5060)))
        here.open(Open(3, "p", "TCP", (THERE, 70_000)))
        here.open(Open(4, "nobody", "UDP", (THERE, 5060)))
        here.open(Open(5, "p", "UDP", ("2001:db8::1", 5060)))
        await asyncio.sleep(0.1)
        assert [line[1] for line in sink.only("failed")] == [3, 4, 5, 1]
        await asyncio.sleep(CONNECT_DEADLINE)
        assert sink.told[-1] == ("failed", 2, "timed out")

    play(story)


def test_only_a_browser_connects_by_websocket() -> None:
    async def story(_h: VirtualNetwork, _s: Sink, there: VirtualNetwork, other: Sink) -> None:
        there.open(Open(1, "p", "WS", (HERE, 80)))
        assert other.told == [("failed", 1, "WebSocket peers connect to us")]

    play(story)


def test_a_certificate_for_another_name_is_refused() -> None:
    async def story(here: VirtualNetwork, sink: Sink, _t: VirtualNetwork, other: Sink) -> None:
        here.open(Open(1, "p", "TLS", (THERE, 5061), server_name="other.test"))
        here.open(Open(2, "p", "TLS", (THERE, 5061), server_name="good.test"))
        await asyncio.sleep(1)
        assert [line[1] for line in sink.only("failed")] == [1]
        assert [line[1] for line in sink.only("opened")] == [2]
        assert len(other.only("accepted")) == 1

    play(story, certificate=["good.test"])


def test_a_closed_port_is_told() -> None:
    async def story(here: VirtualNetwork, sink: Sink, _t: VirtualNetwork, _o: Sink) -> None:
        here.open(Open(1, "p", "UDP", (THERE, 9)))
        here.send(sink.flow(), b"x")
        await asyncio.sleep(1)
        assert sink.told[-1] == ("send failed", sink.flow())

    play(story)


def test_names_are_those_of_the_wire() -> None:
    async def story(here: VirtualNetwork, sink: Sink, _t: VirtualNetwork, _o: Sink) -> None:
        server = Srv(1, 0, 5060, "desk.test")
        pointer = Naptr(1, 0, "s", "SIP+D2U", "_sip._udp.desk.test")
        here.wire.names["desk.test"] = ["192.0.2.7"]
        here.wire.services["_sip._udp.desk.test"] = [server]
        here.wire.pointers["desk.test"] = [pointer]
        asked = [(Kind.ADDRESSES, "desk.test"), (Kind.SRV, "_sip._udp.desk.test")]
        asked += [(Kind.NAPTR, "desk.test"), (Kind.ADDRESSES, "nobody.test")]
        here.resolve(1, [Question(*each) for each in asked])
        await asyncio.sleep(1)
        here.wire.lost_names.add("desk.test")
        here.resolve(2, [Question(Kind.ADDRESSES, "desk.test")])
        await asyncio.sleep(1)
        answers = [Answer(addresses=("192.0.2.7",)), Answer(srv=(server,))]
        answers += [Answer(naptr=(pointer,)), NOTHING]
        assert sink.told == [("resolved", 1, *answers)]
        await asyncio.sleep(here.wire.name_deadline)
        assert sink.told[1:] == [("resolved", 2, NOTHING)]

    play(story)


def test_listening() -> None:
    async def story(here: VirtualNetwork, _s: Sink, _t: VirtualNetwork, _o: Sink) -> None:
        chosen = await here.listen(Listener("p", "UDP", HERE, 0))
        assert chosen.port > 1024
        for listener in (
            Listener("p", "UDP", HERE, 5060),
            Listener("q", "UDP", "0.0.0.0", 5060),
            Listener("p", "TLS", HERE, 5060),
            Listener("p", "UDP", THERE, 5070),
        ):
            with pytest.raises(StartError):
                await here.listen(listener)

    play(story)


def test_a_wildcard_answers_from_the_address_that_was_hit() -> None:
    async def main() -> None:
        wire = Wire()
        sink, other = Sink(), Sink()
        server = VirtualNetwork(wire, HERE, "192.0.2.11")
        server.attach(sink)
        await server.listen(Listener("p", "UDP", "0.0.0.0", 5060))
        client = VirtualNetwork(wire, THERE)
        client.attach(other)
        await client.listen(Listener("p", "UDP", THERE, 5060))
        client.open(Open(1, "p", "UDP", ("192.0.2.11", 5060)))
        client.send(other.flow(), b"x")
        await asyncio.sleep(1)
        (_, flow, _) = sink.told[0]
        assert isinstance(flow, Flow)
        assert flow.local == ("192.0.2.11", 5060)

    run_virtual(main())


def test_stopping_closes_everything() -> None:
    async def story(here: VirtualNetwork, sink: Sink, there: VirtualNetwork, _o: Sink) -> None:
        here.open(Open(1, "p", "TCP", (THERE, 5060)))
        await asyncio.sleep(1)
        await there.stop()
        await asyncio.sleep(1)
        assert sink.only("lost")
        here.open(Open(2, "p", "TCP", (THERE, 5060)))
        here.send(sink.flow(), b"x")
        await asyncio.sleep(10)
        assert sink.only("failed") == [("failed", 2, "timed out")]

    play(story)


def test_a_network_needs_its_sink_first() -> None:
    async def main() -> None:
        network = VirtualNetwork(Wire(), HERE)
        with pytest.raises(UsageError):
            network.open(Open(1, "p", "UDP", (THERE, 5060)))

    run_virtual(main())
