"""What a starting server prints."""

from __future__ import annotations

import pytest

from offhook.server.config import load_text
from offhook.server.first_accounts import NewAccount
from offhook.server.greeting import greeting, own_address
from offhook.version import __version__

TEXT = """
domains = ["example.com", "example.net"]
[profiles.internal]
listen = ["udp:0.0.0.0:5060", "tcp:[::1]:5070"]
[profiles.nat]
listen = ["udp:192.0.2.1:5080", "ws:192.0.2.1:80", "ws:[::1]:5066"]
advertise = "203.0.113.7"
[profiles.trunk]
listen = ["udp:192.0.2.1:5090"]
authenticate = false
[storage]
url = "memory:"
"""


def address(ipv6: bool) -> str:
    return "2001:db8::5" if ipv6 else "192.0.2.5"


def test_tells_where_it_listens_and_what_to_enter() -> None:
    config = load_text(TEXT)
    accounts = [
        NewAccount("100", "example.com", "pass-a"),
        NewAccount("101", "example.com", "pass-b"),
    ]
    lines = greeting(config, config.listeners(), accounts, address=address)
    assert lines == [
        f"offhook {__version__}",
        "domain    example.com, example.net",
        "database  memory:",
        "listening udp:0.0.0.0:5060 (internal)",
        "listening tcp:[::1]:5070 (internal)",
        "listening udp:192.0.2.1:5080 (nat)",
        "listening ws:192.0.2.1:80 (nat)",
        "listening ws:[::1]:5066 (nat)",
        "listening udp:192.0.2.1:5090 (trunk)",
        "account   user 100  password pass-a  (shown only now)",
        "account   user 101  password pass-b  (shown only now)",
        "phones    domain example.com, server 192.0.2.5, transport UDP",
        "phones    domain example.com, server [::1]:5070, transport TCP",
        "phones    domain example.com, server 203.0.113.7:5080, transport UDP",
        "phones    domain example.com, server ws://203.0.113.7, transport WS",
        "phones    domain example.com, server ws://203.0.113.7:5066, transport WS",
        "phones    register two of them, then dial 100 or 101",
    ]


def test_says_nothing_of_accounts_that_are_there_already() -> None:
    config = load_text(TEXT)
    lines = greeting(config, config.listeners(), [], address=address)
    assert not [line for line in lines if line.startswith("account") or "dial" in line]


@pytest.mark.parametrize("ipv6", [False, True])
def test_this_machine_has_an_address(ipv6: bool) -> None:
    try:
        found = own_address(ipv6)
    except OSError:
        pytest.skip("no IPv6 here")
    assert (":" in found) is ipv6
