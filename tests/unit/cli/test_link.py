"""The way of a tool: addresses, flows, messages out of octets."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.cli import link as module
from offhook.cli.link import Link, NoAnswerError, link_over
from offhook.message import parse_uri
from offhook.transport.flow import Flow, Listener
from offhook.transport.records import Question
from tests.unit.cli.fake_network import FakeNetwork
from tests.unit.names import with_addresses

OK = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


async def test_a_literal_address_over_udp_needs_one_socket() -> None:
    network = FakeNetwork()
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sip:192.0.2.9"))
        await link.connect(parse_uri("sip:192.0.2.10:5070"))
        assert flow.remote == ("192.0.2.9", 5060)
    assert network.listeners == [Listener("tool", "UDP", "0.0.0.0", 0)]
    assert network.stopped


async def test_ipv6_and_a_chosen_socket() -> None:
    network = FakeNetwork()
    async with link_over(network, local=("::1", 5099)) as link:
        await link.connect(parse_uri("sip:[2001:db8::9]"))
    assert network.listeners == [Listener("tool", "UDP", "::1", 5099)]


async def test_streams_need_no_listener_and_name_the_peer() -> None:
    network = FakeNetwork(names={"sip.example.com": ["192.0.2.9"]})
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sips:alice@sip.example.com"))
    assert network.listeners == []
    assert (flow.transport, flow.remote) == ("TLS", ("192.0.2.9", 5061))
    assert network.opened[0].server_name == "sip.example.com"


async def test_addresses_are_tried_in_turn() -> None:
    names = {"h.example": ["192.0.2.1", "192.0.2.2"]}
    network = FakeNetwork(names=names, refuse=["192.0.2.1"])
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sip:h.example;transport=tcp"))
    assert flow.remote[0] == "192.0.2.2"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("sip:none.example", "no address is known"),
        ("sip:192.0.2.66", "192.0.2.66:5060 over UDP: connection refused"),
        ("sip:[2001:db8::66];transport=tcp", r"\[2001:db8::66\]:5060 over TCP: connection refused"),
        ("sip:192.0.2.1;transport=sctp", "Transport Not Available"),
    ],
)
async def test_no_way_is_one_line(uri: str, says: str) -> None:
    network = FakeNetwork(refuse=["192.0.2.66", "2001:db8::66"])
    async with link_over(network) as link:
        with pytest.raises(NoAnswerError, match=says):
            await link.connect(parse_uri(uri))


async def test_a_network_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(FakeNetwork):
        def resolve(self, ticket: int, questions: Sequence[Question]) -> None:
            """Never."""

    monkeypatch.setattr(module, "OPEN_SECONDS", 0.0)
    async with link_over(Silent()) as link:
        with pytest.raises(NoAnswerError, match="no answer within 0 s"):
            await link.connect(parse_uri("sip:h.example"))
        link.resolved(1, with_addresses("192.0.2.1"))  # too late, and no fault


async def test_octets_of_a_stream_are_cut_into_messages() -> None:
    network = FakeNetwork()
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sip:192.0.2.9;transport=tcp"))
        link.receive(flow, b"\r\n\r\n" + OK + OK[:10])
        link.receive(flow, OK[10:])
        first, second = await following(link), await following(link)
    assert (first, second) == (OK, OK)


async def test_a_stream_that_cannot_be_followed_is_closed() -> None:
    network = FakeNetwork()
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sip:192.0.2.9;transport=tcp"))
        link.receive(flow, b"SIP/2.0 200 OK\r\nContent-Length: x\r\n\r\n")
        arrival = await link.next_arrival(0.0)
    assert arrival is not None
    assert "not a SIP stream" in arrival.lost
    assert network.closed == [flow]


async def test_lost_ways_are_told() -> None:
    network = FakeNetwork()
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sip:192.0.2.9"))
        link.send_failed(flow)
        link.flow_lost(flow, "closed by the peer")
        reasons = [arrival.lost for _ in range(2) if (arrival := await link.next_arrival(0.0))]
    assert reasons == [
        "nobody listens there (port unreachable)",
        "connection lost: closed by the peer",
    ]


async def test_a_flood_is_dropped() -> None:
    network = FakeNetwork()
    async with link_over(network) as link:
        flow = await link.connect(parse_uri("sip:192.0.2.9"))
        for _ in range(module.MOST_WAITING + 10):
            link.receive(flow, OK)
        count = 0
        while await link.next_arrival(0.0):
            count += 1
    assert count == module.MOST_WAITING


async def following(link: Link) -> bytes:
    arrival = await link.next_arrival(0.0)
    assert arrival is not None
    assert isinstance(arrival.flow, Flow)
    return arrival.data


async def test_a_silent_server_is_the_last_to_be_tried_again() -> None:
    network = FakeNetwork(names={"h.example": ["192.0.2.1", "192.0.2.2"]})
    async with link_over(network) as link:
        uri = parse_uri("sip:h.example:5060")
        first = await link.connect(uri)
        assert link.silent(first)
        second = await link.connect(uri)
        assert (first.remote[0], second.remote[0]) == ("192.0.2.1", "192.0.2.2")
        assert not link.silent(second)  # the other one was silent before
        assert (await link.connect(uri)).remote[0] == "192.0.2.1"


async def test_a_literal_address_is_the_only_way() -> None:
    async with link_over(FakeNetwork()) as link:
        flow = await link.connect(parse_uri("sip:192.0.2.9"))
        assert not link.silent(flow)
