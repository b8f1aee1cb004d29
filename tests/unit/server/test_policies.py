"""From the configuration to what routing uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.auth import NonceRegistry
from offhook.errors import StartError
from offhook.runtime.tls_files import KeyPair, ProfileTls, TlsFiles
from offhook.server.config import load_text
from offhook.server.policies import make_gateways, make_keep_alive, make_profiles, make_tls

TEXT = """
domains = ["example.com"]
[profiles.internal]
listen = ["udp:127.0.0.1:5060"]
digest = ["SHA-256", "MD5"]
qop = ["auth", "auth-int"]
redirect = "follow"
[profiles.external]
listen = ["udp:127.0.0.1:5080"]
authenticate = false
[registrar]
min_expires = 30
max_expires = 600
default_expires = 300
max_contacts = 2
keep_alive_interval = 40
keep_alive_lost = 4
[gateways.carrier]
uri = "sip:sip.carrier.example"
profile = "external"
username = "4711"
password_file = "secret"
peers = ["198.51.100.0/24"]
[gateways.peer]
uri = "sip:203.0.113.5"
profile = "external"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("pass word \r\nsecond line\n", encoding="utf-8")
    return tmp_path


def test_profiles(folder: Path) -> None:
    profiles = make_profiles(load_text(TEXT, folder), NonceRegistry(b"k" * 16))
    internal, external = profiles["internal"], profiles["external"]
    assert (internal.name, internal.authenticate, internal.registrar) == ("internal", True, True)
    assert (external.authenticate, external.registrar, external.open) == (False, False, False)
    asked = internal.guard.challenge("example.com", source="9.9.9.9", now=0.0)
    assert ["SHA-256" in each for each in asked] == [True, False]
    assert (internal.redirect, external.redirect) == (True, False)
    assert all('qop="auth,auth-int"' in each for each in asked)
    policy = internal.policy
    assert (policy.minimum, policy.maximum, policy.default, policy.max_contacts) == (
        30,
        600,
        300,
        2,
    )
    assert external.policy == policy


def test_keep_alive(folder: Path) -> None:
    policy = make_keep_alive(load_text(TEXT, folder))
    assert (policy.method, policy.interval, policy.lost, policy.every) == (
        "options",
        40.0,
        4,
        False,
    )


def test_profiles_share_one_record_of_nonces(folder: Path) -> None:
    nonces = NonceRegistry(b"k" * 16)
    profiles = make_profiles(load_text(TEXT, folder), nonces)
    for profile in profiles.values():
        (asked, *_) = profile.guard.challenge("r", source="9.9.9.9", now=0.0)
        nonce = asked.partition('nonce="')[2].partition('"')[0]
        assert nonces.use(nonce, 1, 0.0)


def test_gateways(folder: Path) -> None:
    gateways = make_gateways(load_text(TEXT, folder))
    carrier, peer = gateways["carrier"], gateways["peer"]
    assert (carrier.name, carrier.uri, carrier.profile) == (
        "carrier",
        "sip:sip.carrier.example",
        "external",
    )
    assert (carrier.username, carrier.password()) == ("4711", "pass word ")  # the first line
    assert carrier.is_peer("198.51.100.7")
    assert (peer.username, peer.password(), peer.peers) == ("", "", ())


def test_an_unreadable_password_file(folder: Path) -> None:
    config = load_text(TEXT, folder)
    (folder / "secret").unlink()
    with pytest.raises(StartError, match=r"gateways\.carrier\.password_file") as caught:
        make_gateways(config)
    assert "\n" not in str(caught.value)
    (folder / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match=r"gateways\.carrier\.password_file"):
        make_gateways(config)


def test_tls_of_profiles_and_gateways(tmp_path: Path) -> None:
    text = """
[tls]
certificate = "a.pem"
key = "a.key"
ca = "ca.pem"
client_ca = "clients.pem"
wildcards = true
[certificates.carrier]
certificate = "c.pem"
key = "c.key"
[profiles.internal]
listen = ["tls:127.0.0.1:5061"]
[profiles.asking]
listen = ["tls:127.0.0.1:5062"]
client_certificate = "optional"
[profiles.insisting]
listen = ["tls:127.0.0.1:5063"]
certificate = "carrier"
client_certificate = "required"
[profiles.trunks]
listen = ["tls:127.0.0.1:5064"]
client_certificate = "gateways"
[gateways.one]
uri = "sips:SIP.carrier.example"
profile = "trunks"
certificate = "carrier"
peer_names = ["backup.example"]
[gateways.two]
uri = "sip:192.0.2.5;transport=tls"
profile = "trunks"
"""
    config = load_text(text, tmp_path)
    files = make_tls(config)
    assert files == TlsFiles(
        f"{tmp_path}/a.pem",
        f"{tmp_path}/a.key",
        f"{tmp_path}/ca.pem",
        f"{tmp_path}/clients.pem",
        wildcards=True,
        others={"carrier": KeyPair(f"{tmp_path}/c.pem", f"{tmp_path}/c.key")},
        profiles={
            "asking": ProfileTls(ask=True),
            "insisting": ProfileTls("carrier", insist=True),
            "trunks": ProfileTls(
                insist=True,
                names=frozenset({"sip.carrier.example", "backup.example", "192.0.2.5"}),
            ),
        },
        shown={("trunks", "sip.carrier.example"): "carrier"},
    )
    assert make_gateways(config)["one"].names == {"sip.carrier.example", "backup.example"}
