"""Profiles and gateways as values."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.auth import DigestGuard, NonceRegistry
from offhook.exchange import Gateway, Profile
from offhook.transport.flow import Flow, Listener

GUARD = DigestGuard(NonceRegistry(b"k" * 16))


@pytest.mark.parametrize(
    ("authenticate", "registrar", "is_open"),
    [(True, True, False), (False, True, True), (False, False, False), (True, False, False)],
)
def test_open_is_a_registrar_that_asks_nobody(
    authenticate: bool, registrar: bool, is_open: bool
) -> None:
    assert Profile("p", authenticate, registrar, GUARD).open is is_open


@pytest.mark.parametrize(
    ("host", "is_peer"),
    [
        ("198.51.100.1", True),
        ("198.51.101.1", False),
        ("2001:db8:1::9", True),
        ("2001:db8:2::9", False),
        ("::ffff:198.51.100.1", False),
    ],
)
def test_peers(host: str, is_peer: bool) -> None:
    peers = (ip_network("198.51.100.0/24"), ip_network("2001:db8:1::/64"))
    assert (
        Gateway("carrier", "sip:carrier.example", "external", peers=peers).is_peer(host) is is_peer
    )


@pytest.mark.rfc("5922", "7.4")
@pytest.mark.parametrize(
    ("profile", "proven", "sent"),
    [
        ("external", {"sip.carrier.example"}, True),
        ("external", {"other.carrier.example", "sip.carrier.example"}, True),
        ("external", {"backup.example"}, True),
        ("external", {"*.carrier.example"}, True),  # only where wildcards are allowed
        ("external", {"carrier.example"}, False),
        ("external", set(), False),
        ("internal", {"sip.carrier.example"}, False),  # its profile asks, another may not
    ],
)
def test_a_certificate_tells_a_gateway(profile: str, proven: set[str], sent: bool) -> None:
    names = frozenset({"sip.carrier.example", "backup.example"})
    gateway = Gateway("carrier", "sip:sip.carrier.example", "external", names=names)
    flow = Flow(Listener(profile, "TLS", "192.0.2.1", 5061), ("192.0.2.1", 5061), ("192.0.2.9", 9))
    flow.identities = frozenset(proven)
    assert gateway.sent(flow) is sent


def test_nobody_is_a_peer_unless_said() -> None:
    assert not Gateway("carrier", "sip:198.51.100.1", "external").is_peer("198.51.100.1")


def test_a_password_is_not_shown() -> None:
    gateway = Gateway("carrier", "sip:h", "external", "user", lambda: "secret")
    assert gateway.password() == "secret"
    assert "secret" not in repr(gateway)
    assert "password" not in repr(gateway)
