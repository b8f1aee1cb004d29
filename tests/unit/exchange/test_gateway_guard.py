"""Which addresses belong to gateways."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.exchange.gateway_guard import guard_of, port_of
from offhook.exchange.profile import Gateway
from offhook.message.uri import parse_uri

GATEWAYS = {
    "carrier": Gateway(
        "carrier",
        "sip:SIP.carrier.example",
        "external",
        peers=(ip_network("198.51.100.0/24"),),
        names=frozenset({"sip.carrier.example", "backup.example"}),
    ),
    "peer": Gateway("peer", "sip:203.0.113.5:5082", "external"),
    "other": Gateway(
        "other",
        "sip:[2001:db8::5]:5083",
        "external",
        peers=(
            ip_network("2001:db8:1::/48"),
            ip_network("192.0.2.77/32"),
            ip_network("10.0.0.0/9"),
        ),
    ),
    "broken": Gateway("broken", "nobody", "external", peers=(ip_network("172.16.0.0/12"),)),
}


@pytest.mark.parametrize(
    ("host", "port", "leads"),
    [
        ("sip.carrier.example", 5060, True),
        ("SIP.Carrier.example", 7777, True),  # a name is the gateway's at every port
        ("carrier.example", 5060, False),
        ("198.51.100.9", 5060, True),
        ("198.51.100.9", 5061, True),
        ("198.51.100.9", 0, True),
        ("198.51.100.9", 49152, False),
        ("203.0.113.5", 5082, True),
        ("203.0.113.5", 5060, True),
        ("203.0.113.5", 5090, False),  # a phone on the machine of the gateway
        ("203.0.113.6", 5082, False),
        ("192.0.2.1", 5060, False),
        ("backup.example", 5060, True),  # what its certificate may name is the gateway's too
        ("*.carrier.example", 0, True),  # what a certificate with a wildcard proves
        ("*.other.example", 0, False),
        ("2001:db8::5", 5083, True),
        ("2001:db8:1::77", 5060, True),
        ("2001:db8:1::77", 5082, False),  # the port of another gateway
        ("2001:db8:2::77", 5060, False),
        ("192.0.2.77", 5083, True),
        ("10.127.0.1", 0, True),
        ("10.128.0.1", 0, False),
        ("::a00:1", 0, False),  # the same number as 10.0.0.1, of the other version
        ("172.16.0.1", 5060, False),
    ],
)
def test_names_peers_and_ports(host: str, port: int, leads: bool) -> None:
    guard = guard_of(GATEWAYS)
    assert guard is not None
    assert guard(host, port) is leads


def test_without_gateways_there_is_no_guard() -> None:
    assert guard_of({}) is None


@pytest.mark.parametrize(
    ("uri", "port"),
    [
        ("sip:a@b", 5060),
        ("sip:a@b:7000", 7000),
        ("sips:a@b", 5061),
        ("sip:a@b;transport=tls", 5061),
        ("sip:a@b;transport=tcp", 5060),
    ],
)
def test_the_port_of_a_uri(uri: str, port: int) -> None:
    assert port_of(parse_uri(uri)) == port
