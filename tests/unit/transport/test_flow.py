"""Names, Via values and addresses of flows."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.transport.flow import Flow, Listener


def test_a_datagram_flow_is_named_by_its_addresses() -> None:
    listener = Listener("internal", "UDP", "0.0.0.0", 5060)
    flow = Flow(listener, ("192.0.2.1", 5060), ("198.51.100.7", 5062))
    assert flow.name == "udp/192.0.2.1:5060/198.51.100.7:5062"
    assert (flow.profile, flow.transport, flow.reliable) == ("internal", "UDP", False)
    assert flow.via == "SIP/2.0/UDP 192.0.2.1:5060;branch="
    assert repr(flow) == f"<Flow {flow.name}>"


def test_a_connection_has_its_own_name() -> None:
    listener = Listener("internal", "TLS", "192.0.2.1", 5061)
    flow = Flow(listener, ("192.0.2.1", 40001), ("198.51.100.7", 5061), "c9")
    assert flow.name == "tls/192.0.2.1:40001/198.51.100.7:5061/c9"
    assert flow.reliable
    assert flow.sent_by() == ("192.0.2.1", 5061)  # the listener's port, not the ephemeral one


def test_advertised_hosts_are_shown_and_ipv6_has_brackets() -> None:
    behind = Listener("external", "UDP", "10.0.0.1", 5080, advertise="203.0.113.7")
    assert Flow(behind, ("10.0.0.1", 5080), ("198.51.100.7", 5060)).own == "203.0.113.7:5080"
    six = Listener("six", "UDP", "2001:db8::1", 5060)
    flow = Flow(six, ("2001:db8::1", 5060), ("2001:db8::2", 5060))
    assert flow.name == "udp/[2001:db8::1]:5060/[2001:db8::2]:5060"
    assert flow.via == "SIP/2.0/UDP [2001:db8::1]:5060;branch="


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("198.51.100.7", "203.0.113.7"),
        ("10.1.2.3", "10.0.0.1"),  # the address that was hit
        ("10.77.1.1", "10.77.0.1"),  # the longest prefix counts
        ("172.16.0.9", "vpn.example.com"),
    ],
)
def test_what_is_shown_may_depend_on_who_sees_it(remote: str, shown: str) -> None:
    rules = (
        (ip_network("10.0.0.0/8"), ""),
        (ip_network("10.77.0.0/16"), "10.77.0.1"),
        (ip_network("172.16.0.0/12"), "vpn.example.com"),
        (ip_network("fd00::/8"), "fd00::1"),
    )
    for transport in ("UDP", "TCP"):
        listener = Listener("p", transport, "0.0.0.0", 5060, "203.0.113.7", rules)
        assert Flow(listener, ("10.0.0.1", 5060), (remote, 5060)).own == f"{shown}:5060"
    assert list(listener.advertised) == ["203.0.113.7", "10.77.0.1", "vpn.example.com", "fd00::1"]


def test_an_address_of_the_other_ip_version_is_shown_to_nobody() -> None:
    six = Listener("p", "UDP", "2001:db8::1", 5060, "203.0.113.7")
    flow = Flow(six, ("2001:db8::1", 5060), ("2001:db8::2", 5060))
    assert flow.own == "[2001:db8::1]:5060"
    named = Listener("p", "UDP", "2001:db8::1", 5060, "pbx.example.com")
    assert Flow(named, ("2001:db8::1", 5060), ("fe80::2%eth0", 5060)).own == "pbx.example.com:5060"


def test_beside_keeps_the_socket() -> None:
    listener = Listener("internal", "UDP", "192.0.2.1", 5060)
    flow = Flow(listener, ("192.0.2.1", 5060), ("198.51.100.7", 5062))
    other = flow.beside(("198.51.100.7", 5060))
    assert (other.local, other.remote, other.listener) == (
        flow.local,
        ("198.51.100.7", 5060),
        listener,
    )


@pytest.mark.parametrize(
    ("host", "wildcard", "ipv6"),
    [
        ("0.0.0.0", True, False),
        ("::", True, True),
        ("192.0.2.1", False, False),
        ("::1", False, True),
    ],
)
def test_listeners_know_what_they_are(host: str, wildcard: bool, ipv6: bool) -> None:
    listener = Listener("p", "UDP", host, 5060)
    assert (listener.wildcard, listener.ipv6) == (wildcard, ipv6)
