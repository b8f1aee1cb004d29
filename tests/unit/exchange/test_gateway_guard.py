"""Which addresses belong to gateways."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.exchange.gateway_guard import guard_of, leads_to_gateway, port_of
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
    ],
)
def test_names_peers_and_ports(host: str, port: int, leads: bool) -> None:
    assert leads_to_gateway(GATEWAYS, host, port) is leads
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
