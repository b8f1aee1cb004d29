"""From URIs to transport, host and port."""

from __future__ import annotations

import pytest

from offhook.errors import UriError
from offhook.message.uri import parse_uri
from offhook.transport.next_hop import NextHop, is_literal, next_hop, next_hop_of


@pytest.mark.rfc("3263", "4.1")
@pytest.mark.parametrize(
    ("text", "transport", "host", "port", "literal"),
    [
        ("sip:bob@192.0.2.1", "UDP", "192.0.2.1", 5060, True),
        ("sip:bob@192.0.2.1:5070;transport=UDP", "UDP", "192.0.2.1", 5070, True),
        ("sip:bob@example.com;transport=tcp", "TCP", "example.com", 5060, False),
        ("sip:bob@example.com;transport=tls", "TLS", "example.com", 5061, False),
        ("sips:bob@example.com", "TLS", "example.com", 5061, False),
        ("sips:bob@example.com;transport=tcp", "TLS", "example.com", 5061, False),
        ("sip:[2001:db8::1]", "UDP", "2001:db8::1", 5060, True),
        ("sip:bob@example.com;maddr=192.0.2.9", "UDP", "192.0.2.9", 5060, True),
    ],
)
def test_next_hops(text: str, transport: str, host: str, port: int, literal: bool) -> None:
    hop = next_hop(parse_uri(text))
    assert (hop.transport, hop.host, hop.port, hop.literal) == (transport, host, port, literal)
    assert hop.server_name == parse_uri(text).host
    assert next_hop_of(text) == hop


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("tel:+331", 416),
        ("mailto:bob@example.com", 416),
        ("sip:bob@example.com;transport=sctp", 503),
        ("sip:bob@example.com;transport=ws", 480),
        ("sips:bob@example.com;transport=ws", 480),
        ("sip:bob@df7jal23ls0d.invalid", 480),
        ("sips:bob@example.com;transport=udp", 503),
        ("sip:", 400),
    ],
)
def test_uris_that_lead_nowhere(text: str, status: int) -> None:
    with pytest.raises(UriError) as caught:
        next_hop_of(text)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        ("192.0.2.1", True),
        ("::1", True),
        ("example.com", False),
        ("host1", False),
        ("1.2.3", False),
        ("01.2.3.4", False),
        ("1.2.3.256", False),
        ("1.2.3.4.5", False),
        ("255.255.255.255", True),
        ("\u0661.2.3.4", False),
        ("", False),
        ("999.1.1.1", False),
    ],
)
def test_literal_addresses(host: str, literal: bool) -> None:
    assert is_literal(host) is literal


def test_hops_are_values() -> None:
    assert NextHop("UDP", "a", 1, False, "a") == NextHop("UDP", "a", 1, False, "a")
