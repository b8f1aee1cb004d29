"""Flows by name and destination, names, and who uses a connection."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.engine.actions import Action, Open, Resolve
from offhook.engine.ways import MAX_REMEMBERED, Ways
from offhook.transport.flow import Flow, Listener
from offhook.transport.next_hop import NextHop
from offhook.transport.records import Kind, Question
from tests.unit.engine.rig import CALLEE, TCP, TLS, Rig, datagram
from tests.unit.names import with_addresses

HOP = NextHop("UDP", *CALLEE, literal=True, server_name="")


class Seeker:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def flow_ready(self, flow: Flow, now: float) -> None:
        self.told.append(flow)

    def way_failed(self, status: int, now: float) -> None:
        self.told.append(status)

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        self.told.append(tuple(hop.host for hop in hops))


def fresh() -> tuple[Ways, list[Action], Seeker]:
    """Ways with their actions, and somebody who seeks."""
    actions: list[Action] = []
    return Ways(actions), actions, Seeker()


def ticket_of(action: Action) -> int:
    """The ticket of an Open or Resolve."""
    assert isinstance(action, Open | Resolve)
    return action.ticket


def test_a_datagram_flow_is_asked_for_once() -> None:
    ways, actions, seeker = fresh()
    ways.reach(seeker, "p", HOP, 0.0)
    assert ways.waiting == 1
    ways.opened(ticket_of(actions[0]), datagram(CALLEE), 0.0)
    ways.reach(seeker, "p", HOP, 0.0)
    assert seeker.told == [datagram(CALLEE)] * 2
    assert len(actions) == 1
    ways.reach(seeker, "other", HOP, 0.0)
    assert len(actions) == 2


def test_a_way_that_fails_is_503() -> None:
    ways, actions, seeker = fresh()
    ways.reach(seeker, "p", HOP, 0.0)
    ways.failed(ticket_of(actions[0]), 0.0)
    ways.failed(99, 0.0)  # nobody asked
    assert (seeker.told, ways.waiting) == ([503], 0)


def test_a_connection_of_ours_serves_until_it_is_lost() -> None:
    ways, actions, seeker = fresh()
    hop = NextHop("TLS", *CALLEE, literal=True, server_name="example.com")
    ways.reach(seeker, "p", hop, 0.0)
    (action,) = actions
    assert isinstance(action, Open)
    assert action.server_name == "example.com"
    flow = Flow(TLS, ("192.0.2.1", 40000), CALLEE, "c1")
    ways.opened(action.ticket, flow, 0.0)
    ways.reach(seeker, "p", hop, 0.0)
    assert seeker.told == [flow, flow]
    assert ways.alive(flow)
    assert ways.named(flow.name)
    ways.lose(flow)
    assert not ways.alive(flow)
    ways.reach(seeker, "p", hop, 0.0)
    assert len(actions) == 2


def test_another_certificate_name_is_another_connection() -> None:
    ways, actions, seeker = fresh()
    for name in ("one.test", "two.test"):
        ways.reach(seeker, "p", NextHop("TLS", *CALLEE, literal=True, server_name=name), 0.0)
        flow = Flow(TLS, ("192.0.2.1", 40000), CALLEE, name)
        ways.opened(ticket_of(actions[-1]), flow, 0.0)
    assert len(actions) == 2


def test_flows_are_found_by_name() -> None:
    ways, actions, seeker = fresh()
    flow = Flow(TCP, ("192.0.2.1", 5060), CALLEE, "c1")
    ways.add(flow)
    assert ways.find(seeker, "p", flow.name, 0.0)
    assert seeker.told == [flow]
    assert ways.find(seeker, "p", "udp/192.0.2.1:5060/198.51.100.2:5060", 0.0)
    (action,) = actions
    assert isinstance(action, Open)
    assert (action.local, action.destination) == ("192.0.2.1", CALLEE)


@pytest.mark.parametrize(
    "name",
    [
        "tcp/192.0.2.1:5060/198.51.100.2:5060/gone",
        "udp/192.0.2.1:5060",
        "udp/192.0.2.1:5060/198.51.100.2:0",
        "udp/192.0.2.1:5060/198.51.100.2:70000",
        "udp/192.0.2.1:5060/198.51.100.2:x",
        "udp/nonsense/198.51.100.2:5060",
        "nonsense",
        "",
    ],
)
def test_names_that_are_no_way(name: str) -> None:
    ways, actions, seeker = fresh()
    assert not ways.find(seeker, "p", name, 0.0)
    assert (actions, seeker.told) == ([], [])


def test_a_flow_of_another_profile_is_sent_on_by_that_profile() -> None:
    ways, actions, seeker = fresh()
    ways.add_listener(Listener("inside", "UDP", "192.0.2.1", 5060))
    ways.add_listener(Listener("outside", "UDP", "203.0.113.9", 5080))
    ways.find(seeker, "outside", "udp/192.0.2.1:5060/198.51.100.2:5060", 0.0)
    (action,) = actions
    assert isinstance(action, Open)
    assert action.profile == "inside"


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("udp/192.0.2.1:5060/198.51.100.2:5060", "inside"),
        ("udp/203.0.113.9:5080/198.51.100.2:5060", "outside"),
        ("udp/203.0.113.8:5080/198.51.100.2:5060", ""),
        ("tcp/10.0.0.1:5070/198.51.100.2:40000/c1", "wild"),
        ("udp/10.0.0.1:5070/198.51.100.2:40000", ""),
        ("tcp/192.0.2.1:43210/198.51.100.2:5060/c1", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_profile_of_a_flow_name(name: str, profile: str) -> None:
    ways, _, _ = fresh()
    ways.add_listener(Listener("inside", "UDP", "192.0.2.1", 5060))
    ways.add_listener(Listener("outside", "UDP", "203.0.113.9", 5080))
    ways.add_listener(Listener("wild", "TCP", "0.0.0.0", 5070))
    assert ways.profile_of(name) == profile
    assert ways.profile_of(name) == profile


def test_names_are_looked_up() -> None:
    ways, actions, seeker = fresh()
    ways.look_up(seeker, "p", NextHop("UDP", "desk.test", 5060, False, ""), float)
    (action,) = actions
    assert isinstance(action, Resolve)
    assert action.questions == (Question(Kind.ADDRESSES, "desk.test"),)
    ways.resolved(action.ticket, with_addresses("192.0.2.7"), 0.0)
    ways.resolved(action.ticket, with_addresses("192.0.2.8"), 0.0)  # an answer comes once
    assert seeker.told == [("192.0.2.7",)]


def test_remembered_destinations_are_bounded() -> None:
    ways, actions, seeker = fresh()
    for port in range(1, 1000):
        ways.reach(seeker, "p", NextHop("UDP", "192.0.2.9", port, True, ""), 0.0)
        ways.opened(ticket_of(actions[-1]), datagram(CALLEE), 0.0)
    assert MAX_REMEMBERED >= 1000
    assert ways.waiting == 0


def test_users_of_a_connection_are_told_when_it_goes() -> None:
    rig = Rig()
    rig.fork(rig.invite())
    (machine,) = rig.engine.transactions.clients.values()
    ways, _, _ = fresh()
    flow = Flow(TCP, ("192.0.2.1", 5060), CALLEE, "c1")
    ways.use(machine)  # over UDP: nothing to be told
    machine.flow = flow
    ways.use(machine)
    ways.use(machine)
    assert ways.lose(flow) == [machine]
    assert ways.lose(flow) == []
    ways.use(machine)
    ways.release(machine)
    ways.release(machine)
    assert ways.lose(flow) == []


def test_only_transports_that_lead_back_to_a_profile_are_chosen() -> None:
    ways, _, _ = fresh()
    assert ways.transports("tool") == ("UDP", "TCP", "TLS")
    ways.add_listener(Listener("inside", "TCP", "192.0.2.1", 5060))
    ways.add_listener(Listener("inside", "UDP", "192.0.2.1", 5060))
    ways.add_listener(Listener("web", "WSS", "192.0.2.1", 443))
    assert ways.transports("inside") == ("UDP", "TCP")
    assert ways.transports("web") == ("TCP", "TLS")


def test_addresses_of_an_ip_version_without_a_listener_are_left_out() -> None:
    ways, actions, seeker = fresh()
    ways.add_listener(Listener("inside", "UDP", "192.0.2.1", 5060))
    for transport in ("UDP", "TCP"):
        ways.look_up(seeker, "inside", NextHop(transport, "desk.test", 5060, False, ""), float)
        ways.resolved(ticket_of(actions[-1]), with_addresses("192.0.2.7", "2001:db8::7"), 0.0)
    assert seeker.told == [("192.0.2.7",), ("192.0.2.7", "2001:db8::7")]


def test_a_datagram_leaves_from_the_wanted_address() -> None:
    ways, actions, seeker = fresh()
    for local in ("192.0.2.3", "192.0.2.3", "2001:db8::3", ""):
        ways.reach(seeker, "p", HOP, 0.0, local=local)
        ways.opened(ticket_of(actions[-1]), datagram(CALLEE), 0.0)
    asked = [each.local for each in actions if isinstance(each, Open)]
    assert asked == ["192.0.2.3", ""]  # an address of the other IP version is no wish
    ways.reach(seeker, "p", NextHop("TCP", *CALLEE, literal=True, server_name=""), 0.0, local="x")
    assert isinstance(actions[-1], Open)
    assert actions[-1].local == ""


def test_an_address_that_is_not_ours_any_more_is_not_sent_from() -> None:
    ways, actions, seeker = fresh()
    ways.add_listener(Listener("p", "UDP", "192.0.2.1", 5060))
    ways.add_listener(Listener("wild", "UDP", "0.0.0.0", 5060))
    for profile, local, expected in (
        ("p", "192.0.2.1", "192.0.2.1"),
        ("p", "192.0.2.99", ""),
        ("wild", "192.0.2.99", "192.0.2.99"),
    ):
        ways.reach(seeker, profile, HOP, 0.0, local=local)
        action = actions.pop()
        assert isinstance(action, Open)
        assert action.local == expected
