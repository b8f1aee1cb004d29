"""Which literals may be sent to, and from where. Sockets are connected, nothing is sent."""

from __future__ import annotations

import pytest

from offhook.runtime.route_probe import REMEMBERED, RouteProbe, canonical


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
    ],
)
def test_one_spelling(host: str, expected: str) -> None:
    assert canonical(host) == expected


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "sip.example.com",
        "<broadcast>",
        "127.1",
        "010.0.0.1",
        "[::1]",
        "fe80::1%lo",
        "0.0.0.0",
        "::",
        "10.0.0.1\0",
        "\udcff",
        "1.2.3.4.5",
    ],
)
def test_what_never_reaches_a_socket(host: str) -> None:
    with pytest.raises(OSError, match=r"not an (IP )?address"):
        canonical(host)


def test_the_local_address_towards_loopback() -> None:
    routes = RouteProbe(60.0)
    assert routes.local_address("127.0.0.1") == "127.0.0.1"
    assert routes.local_address("::1") == "::1"
    assert routes.local_address("127.0.0.1") == "127.0.0.1"


def test_memory_is_bounded() -> None:
    routes = RouteProbe(60.0)
    for number in range(REMEMBERED + 10):
        routes.local_address(f"127.1.{number >> 8}.{number & 255}")
    assert len(routes) <= REMEMBERED


def test_a_name_has_no_route() -> None:
    with pytest.raises(OSError, match="not an IP address"):
        RouteProbe(60.0).local_address("localhost")
