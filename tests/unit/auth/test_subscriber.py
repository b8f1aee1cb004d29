"""One subscriber has one IPv4 address or 2**64 IPv6 addresses."""

from __future__ import annotations

import pytest

from offhook.auth.subscriber import subscriber


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("no:address", "no:address"),
    ],
)
def test_what_is_counted(host: str, counted: str) -> None:
    assert subscriber(host) == counted
