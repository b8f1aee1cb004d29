"""Which URIs are ours, and whom they name."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.exchange import Gateway
from offhook.exchange.serving import AOR_CACHE
from offhook.message import parse_uri
from offhook.transport.flow import Flow, Listener
from tests.unit.exchange.bench import Bench, Setting

TWO = Setting(domains=("example.com", "example.org"))
LITERAL = Setting(domains=("192.0.2.1", "example.com"))
IPV6 = Setting(domains=("example.com",), host="2001:db8::1")


@pytest.mark.parametrize(
    ("setting", "uri", "aor"),
    [
        (TWO, "sip:bob@example.com", "sip:bob@example.com"),
        (TWO, "sip:bob@EXAMPLE.ORG", "sip:bob@example.org"),
        (TWO, "sip:bob@example.com:5099;transport=tcp", "sip:bob@example.com"),
        (TWO, "sip:b%6Fb@example.com", "sip:bob@example.com"),
        (TWO, "sip:bob:password@example.com?Subject=x", "sip:bob@example.com"),
        # a listener's address is the first domain, with its own port or the scheme's
        (TWO, "sip:bob@192.0.2.1", "sip:bob@example.com"),
        (TWO, "sip:bob@192.0.2.1:5060", "sip:bob@example.com"),
        (TWO, "sip:bob@192.0.2.1:5080", "sip:bob@example.com"),
        (TWO, "sip:bob@192.0.2.1:5061", ""),
        (TWO, "sip:bob@192.0.2.1;transport=tls", ""),
        (TWO, "sips:bob@192.0.2.1", ""),
        (TWO, "sip:bob@192.0.2.2", ""),
        (TWO, "sip:bob@elsewhere.example", ""),
        (TWO, "sip:bob@sub.example.com", ""),
        (TWO, "tel:+33123", ""),
        (TWO, "http://example.com", ""),
        (TWO, "sip:", ""),
        (TWO, "", ""),
        # a domain that is an address: any user there, at no other port
        (LITERAL, "sip:bob@192.0.2.1", "sip:bob@192.0.2.1"),
        (LITERAL, "sip:bob@192.0.2.1:5060", "sip:bob@192.0.2.1"),
        (LITERAL, "sip:bob@192.0.2.1:5070", ""),
        (LITERAL, "sip:bob@example.com:5070", "sip:bob@example.com"),
        (IPV6, "sip:bob@[2001:db8::1]", "sip:bob@example.com"),
        (IPV6, "sip:bob@[2001:db8::1]:5080", "sip:bob@example.com"),
        (IPV6, "sip:bob@[2001:db8::2]", ""),
    ],
)
def test_aor(setting: Setting, uri: str, aor: str) -> None:
    with Bench(setting=setting) as bench:
        assert bench.serving.aor_of(uri) == aor
        assert bench.serving.aor_of(uri) == aor  # now from memory
        if aor:
            assert bench.serving.aor(parse_uri(uri)) == aor


def test_what_is_remembered_is_bounded() -> None:
    with Bench() as bench:
        for number in range(AOR_CACHE + 5):
            bench.serving.aor_of(f"sip:{number}@example.com")
            bench.serving.aor_of(f"sip:{number}@elsewhere.example")  # never remembered
        assert len(bench.serving._aors) == 5


def test_the_gateway_of_an_address() -> None:
    one = Gateway("one", "sip:one", "external", peers=(ip_network("203.0.113.0/25"),))
    two = Gateway("two", "sip:two", "external", peers=(ip_network("203.0.113.128/25"),))
    with Bench(setting=Setting(gateways=(one, two))) as bench:
        for host, expected in (
            ("203.0.113.1", one),
            ("203.0.113.200", two),
            ("198.51.100.1", None),
        ):
            listener = Listener("external", "UDP", "192.0.2.1", 5060)
            flow = Flow(listener, ("192.0.2.1", 5060), (host, 5060))
            assert bench.serving.gateway_of(flow) is expected
