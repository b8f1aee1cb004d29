"""The hosts file as people write it."""

from __future__ import annotations

import pytest

from offhook.runtime.hosts_file import parse_hosts


def test_names_aliases_and_comments() -> None:
    hosts = parse_hosts(
        "# office\n10.0.0.1\tPBX.example pbx # the old one\n\n::1 ip6-localhost\nfe80::1 router\n"
    )
    assert hosts["pbx"] == hosts["pbx.example"] == ("10.0.0.1",)
    assert hosts["ip6-localhost"] == ("::1",)
    assert "the" not in hosts


def test_ipv4_comes_first_and_nothing_twice() -> None:
    hosts = parse_hosts("2001:db8::1 pbx\n10.0.0.2 pbx\n10.0.0.1 pbx\n10.0.0.2 pbx\n")
    assert hosts["pbx"] == ("10.0.0.2", "10.0.0.1", "2001:db8::1")


@pytest.mark.parametrize(
    "text", ["", "not-an-address name\n", "10.0.0.1\n", "#127.0.0.1 x", "\0 x"]
)
def test_lines_that_say_nothing(text: str) -> None:
    assert parse_hosts(text) == {"localhost": ("127.0.0.1", "::1")}


def test_localhost_may_be_written_otherwise() -> None:
    assert parse_hosts("127.0.0.1 localhost\n")["localhost"] == ("127.0.0.1",)
