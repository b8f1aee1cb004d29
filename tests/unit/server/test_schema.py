"""What one value of the configuration may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.server.schema import Admin, Config, Dns, Profile, Storage, digest_of
from offhook.transport import Listener


def test_domains_are_compared_in_lower_case() -> None:
    assert Config(domains=("EXAMPLE.com", "2001:db8::1")).domains == ("example.com", "2001:db8::1")


@pytest.mark.parametrize("host", ["203.0.113.7", "[2001:db8::7]", "sip.example.com", ""])
def test_advertise_is_a_host(host: str) -> None:
    assert Profile(listen=(), advertise=host).advertise == host.strip("[]")


@pytest.mark.parametrize("url", ["memory:", "sqlite:/var/lib/offhook.db", "sqlite:a"])
def test_storages(url: str) -> None:
    assert Storage(url=url).url == url


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "sqlite", "sqlite://", "mysql:x"])
def test_unknown_storages(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:FILE"):
        Storage(url=url)


def test_socket_paths_have_the_length_of_the_system() -> None:
    assert Admin(socket=Path("/" + "s" * 106)).socket
    with pytest.raises(ValueError, match="107"):
        Admin(socket=Path("/" + "s" * 107))


def test_algorithms_in_any_case() -> None:
    profile = Profile(listen=("udp:127.0.0.1:1",), digest=("sha-512-256", "md5"), qop=("AUTH-INT",))
    assert profile.digest == ("SHA-512-256", "MD5")
    assert profile.qop == ("auth-int",)


def test_an_algorithm_that_this_machine_lacks_is_told_from_one_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="OpenSSL of this machine has no SHA-512-256; use SHA-256"):
        digest_of("sha-512-256", ("MD5", "SHA-256"))
    with pytest.raises(ValueError, match=r"SHA-1.* is not a digest algorithm"):
        digest_of("SHA-1", ("MD5", "SHA-256"))


def test_listeners_of_all_profiles_in_order() -> None:
    config = Config(
        profiles={
            "a": Profile(listen=("udp:127.0.0.1:1", "tcp:127.0.0.1:2"), advertise="h.example"),
            "b": Profile(listen=("udp:[::1]:3",)),
        }
    )
    assert config.listeners() == (
        Listener("a", "UDP", "127.0.0.1", 1, "h.example"),
        Listener("a", "TCP", "127.0.0.1", 2, "h.example"),
        Listener("b", "UDP", "::1", 3),
    )


def test_effective_values_are_plain_json_with_their_origin() -> None:
    config = Config.model_validate({"domains": ("a",)}, context={"domains": "file"})
    effective = {key: (value, origin) for key, value, origin in config.effective()}
    assert effective["domains"] == (["a"], "file")
    assert effective["admin.socket"] == ("offhook.sock", "default")
    assert effective["tls.ca"] == (None, "default")
    assert "profiles.internal.listen" in effective


def test_name_servers_have_a_port() -> None:
    dns = Dns(servers=("192.0.2.53", "[::1]:5353"))
    assert dns.addresses() == (("192.0.2.53", 53), ("::1", 5353))
    with pytest.raises(ValueError, match="not an IP address"):
        Dns(servers=("dns.example",))


@pytest.mark.parametrize("deadline", [0, 11])
def test_a_question_has_between_one_and_ten_seconds(deadline: int) -> None:
    with pytest.raises(ValueError, match="deadline"):
        Dns(deadline=deadline)
