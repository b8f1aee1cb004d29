"""Profiles and gateways from their configuration sections."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from offhook.auth.nonces import NonceRegistry
from offhook.errors import StartError
from offhook.exchange.profile import Gateway
from offhook.server.config import load_text
from offhook.server.policies import guard_of, make_gateways, make_profiles

TWO_PROFILES = """
[profiles.internal]
listen = ["udp:127.0.0.1:5060"]
digest = ["SHA-256", "MD5"]
[profiles.external]
listen = ["udp:127.0.0.1:5080"]
authenticate = false
[registrar]
min_expires = 30
max_contacts = 3
"""


def test_profiles_have_their_policy() -> None:
    profiles = make_profiles(load_text(TWO_PROFILES), NonceRegistry(b"k" * 16))
    internal, external = profiles["internal"], profiles["external"]
    assert (internal.authenticate, internal.registrar, internal.open) == (True, True, False)
    assert (external.authenticate, external.registrar, external.open) == (False, False, False)
    assert (internal.policy.minimum, internal.policy.max_contacts) == (30, 3)
    asked = internal.guard.challenge("example.com", source="192.0.2.1", now=1.0)
    assert [("SHA-256" in value, "MD5" in value) for value in asked] == [
        (True, False),
        (False, True),
    ]


def test_profiles_share_one_record_of_nonces() -> None:
    nonces = NonceRegistry(b"k" * 16)
    profiles = make_profiles(load_text(TWO_PROFILES), nonces)
    values = [
        profile.guard.challenge("example.com", source="192.0.2.1", now=1.0)[0]
        for profile in profiles.values()
    ]
    assert values[0].split("nonce=")[1] != values[1].split("nonce=")[1]


def _with_gateway(path: Path) -> str:
    return f"""{TWO_PROFILES}
[gateways.carrier]
uri = "sip:sip.carrier.example"
profile = "external"
username = "me"
password_file = "{path}"
"""


def test_a_gateway_reads_its_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n", encoding="utf-8")
    gateway = make_gateways(load_text(_with_gateway(secret)))["carrier"]
    assert (gateway.username, gateway.password()) == ("me", "open sesame")
    assert "sesame" not in repr(gateway)


def test_an_unreadable_password_is_one_line(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="utf-8")
    config = load_text(_with_gateway(secret))
    secret.unlink()
    with pytest.raises(StartError, match=r"^gateways\.carrier\.password_file: .*: No such file"):
        make_gateways(config)
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match="not UTF-8 text"):
        make_gateways(config)


class TestGuard:
    def test_no_gateway_no_guard(self) -> None:
        assert guard_of({}) is None

    @pytest.mark.parametrize(
        ("host", "guarded"),
        [
            ("sip.carrier.example", True),
            ("SIP.Carrier.example", True),
            ("198.51.100.9", True),
            ("192.0.2.1", False),
            ("carrier.example", False),
        ],
    )
    def test_names_and_peers(self, host: str, guarded: bool) -> None:
        gateway = Gateway(
            "carrier",
            "sip:sip.carrier.example",
            "external",
            peers=(ip_network("198.51.100.0/24"),),
        )
        guard = guard_of({"carrier": gateway})
        assert guard is not None
        assert guard(host) is guarded
